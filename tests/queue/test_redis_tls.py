"""Connect to Redis over TLS with a self-signed certificate, as on Heroku."""

import subprocess

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from app import create_app
from app.extensions import limiter
from app.kit import queue, redis_server
from tests.queue.support import CERTIFICATE, free_port, until

SETTINGS = {"RATELIMIT_STORAGE_URI": "memory://"}


@pytest.fixture(autouse=True)
def limiter_of_other_apps():
    kept = dict(vars(limiter))
    yield
    vars(limiter).update(kept)


@pytest.fixture
def url(tmp_path):
    port = free_port()
    options = {
        "--port": "0",
        "--tls-port": str(port),
        "--tls-cert-file": CERTIFICATE,
        "--tls-key-file": CERTIFICATE,
        "--tls-auth-clients": "no",
        "--bind": "127.0.0.1",
        "--dir": tmp_path,
    }
    arguments = [part for pair in options.items() for part in pair]
    url = f"rediss://:@127.0.0.1:{port}/0"
    process = subprocess.Popen([redis_server.find_program(), *arguments], stdout=subprocess.DEVNULL)

    def is_up():
        return process.poll() is not None or redis_server.is_running(url, ssl_cert_reqs="none")

    until(is_up, "Redis answers")
    if process.poll() is not None:
        pytest.skip("this Redis was built without TLS")
    yield url
    process.kill()
    process.wait()


def test_an_unsigned_certificate_is_accepted_where_the_platform_has_no_other(url):
    app = create_app("testing", {**SETTINGS, "REDIS_URL": url, "REDIS_SSL_CERT_REQS": "none"})
    with app.app_context():
        queue.ping()
        assert queue.enqueue("sweep_outbox") is not None


def test_it_is_refused_everywhere_else(url):
    app = create_app("testing", {**SETTINGS, "REDIS_URL": url, "REDIS_SSL_CERT_REQS": "required"})
    with app.app_context():
        with pytest.raises(RedisConnectionError, match="certificate"):
            queue.ping()
        assert queue.enqueue("sweep_outbox") is None
