"""Two applications that share a Redis keep their queues and their counters apart."""

import subprocess
import sys

from redis import Redis

from tests.queue.support import ROOT

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
    """Tell of the first and the last of 101 requests for a link whether it was refused."""
    variables = {**environment, "QUEUE_PREFIX": prefix}
    setup = [sys.executable, "manage.py", "setup_dev"]
    subprocess.run(setup, cwd=ROOT, env=variables, check=True, capture_output=True)
    done = subprocess.run(
        [sys.executable, "-c", ASK],
        cwd=ROOT, env=variables, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return done.stdout.split()


def test_counters_in_redis_are_each_applications_own(environment, own_redis):
    """BF-1"""
    assert ask(environment, "One App") == ["False", "True"]
    assert ask(environment, "other") == ["False", "True"]
    assert ask(environment, "other") == ["True", "True"]
    with Redis.from_url(own_redis.url) as connection:
        keys = [key.decode() for key in connection.scan_iter("LIMITS:*")]
    assert {key.split("/")[1] for key in keys} == {"one-app", "other"}
