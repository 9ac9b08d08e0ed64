"""Test the check of the rate limiter's connection."""

import subprocess

import pytest

from app import create_app
from app.extensions import limiter
from app.features import health
from app.features.health.services import workers
from app.features.health.services.check import Check
from app.kit import redis_server
from tests.queue.support import CERTIFICATE, free_port, until

UNSIGNED = {"REDIS_SSL_CERT_REQS": "none"}


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


def test_the_rate_limiter_connects_as_the_queue_does(url):
    """BF-1: on Heroku, it counted in each web process, and no check reported it."""
    app = create_app("testing", {"RATELIMIT_STORAGE_URI": url, "REDIS_URL": url, **UNSIGNED})
    with app.app_context():
        assert limiter.storage.check()
        assert health.checks()[2] == Check("redis", "Answers")


def test_a_rate_limiter_without_redis_is_told(url):
    away = f"redis://127.0.0.1:{free_port()}/0"
    app = create_app("testing", {"RATELIMIT_STORAGE_URI": away, "REDIS_URL": url, **UNSIGNED})
    with app.app_context():
        ping = workers.redis_answers(workers.begin_to_ping(), 8)
        card, _ = workers.judge(workers.begin_to_look(), 8)
        assert "not the rate limiter" in ping.problem
        assert card == ping
