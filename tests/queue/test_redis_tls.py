"""Connect to Redis over TLS with a self-signed certificate, as on Heroku."""

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from app import create_app
from app.kit import queue

SETTINGS = {"RATELIMIT_STORAGE_URI": "memory://"}


def test_an_unsigned_certificate_is_accepted_where_the_platform_has_no_other(tls_url):
    app = create_app("testing", {**SETTINGS, "REDIS_URL": tls_url, "REDIS_SSL_CERT_REQS": "none"})
    with app.app_context():
        queue.ping()
        assert queue.enqueue("sweep_outbox") is not None


def test_it_is_refused_everywhere_else(tls_url):
    app = create_app(
        "testing", {**SETTINGS, "REDIS_URL": tls_url, "REDIS_SSL_CERT_REQS": "required"}
    )
    with app.app_context():
        with pytest.raises(RedisConnectionError, match="certificate"):
            queue.ping()
        assert queue.enqueue("sweep_outbox") is None
