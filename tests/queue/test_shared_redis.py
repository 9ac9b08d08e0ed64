"""Two apps that share a Redis have separate queues and counters."""

from redis import Redis

from tests import processes

ASK = """
from app import create_app
from tests.support import Browser

app = create_app()
app.test_client_class = Browser
browser = app.test_client()
path = "/account/reset-password"
fields = {"email": "nobody@example.com", "csrf_token": browser.csrf_token(path)}
answers = [browser.post(path, data=fields).status_code == 429 for _ in range(101)]
print(answers[0], answers[-1])
"""


def ask(environment, prefix):
    """Request a link 101 times, and tell whether the first and the last request were refused."""
    variables = {**environment, "QUEUE_PREFIX": prefix}
    return processes.run("-c", ASK, env=variables).stdout.split()


def test_counters_in_redis_are_each_applications_own(environment, own_redis):
    """BF-1"""
    assert ask(environment, "One App") == ["False", "True"]
    assert ask(environment, "other") == ["False", "True"]
    assert ask(environment, "other") == ["True", "True"]
    with Redis.from_url(own_redis.url) as connection:
        keys = [key.decode() for key in connection.scan_iter("LIMITS:*")]
    assert {key.split("/")[1] for key in keys} == {"one-app", "other"}
