"""Test the check of the rate limiter's connection."""

from app import create_app
from app.extensions import limiter
from app.features import health
from app.features.health.services import workers
from app.features.health.services.check import Check
from tests.queue.support import free_port

UNSIGNED = {"REDIS_SSL_CERT_REQS": "none"}


def test_the_rate_limiter_connects_as_the_queue_does(tls_url, own_database):
    """BF-1: on Heroku, it counted in each web process, and no check reported it."""
    servers = {"RATELIMIT_STORAGE_URI": tls_url, "REDIS_URL": tls_url}
    app = create_app("testing", {"SQLALCHEMY_DATABASE_URI": own_database, **servers, **UNSIGNED})
    with app.app_context():
        assert limiter.storage.check()
        assert health.checks()[2] == Check("redis", "Answers")


def test_a_rate_limiter_without_redis_is_reported(tls_url):
    away = f"redis://127.0.0.1:{free_port()}/0"
    app = create_app("testing", {"RATELIMIT_STORAGE_URI": away, "REDIS_URL": tls_url, **UNSIGNED})
    with app.app_context():
        ping = workers.redis_answers(workers.begin_ping(), 8)
        card, *_ = workers.judge(workers.begin_signs(), 8)
        assert "not the rate limiter" in ping.problem
        assert card == ping
