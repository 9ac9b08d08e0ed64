"""Two applications that share a Redis keep their queues and their counters apart."""

import subprocess
import sys

from redis import Redis

from tests.queue.support import ROOT

GUESS = """
from app import create_app
from tests.support import Browser

app = create_app()
app.test_client_class = Browser
fields = {"email": "nobody@example.com", "password": "a wrong password"}
browser = app.test_client()
answers = [browser.submit("/account/login", fields).status_code for _ in range(11)]
print(answers[0], answers[-1])
"""


def guess(environment, prefix):
    """Return the statuses of the first and the eleventh of eleven wrong guesses."""
    variables = {**environment, "QUEUE_PREFIX": prefix}
    setup = [sys.executable, "manage.py", "setup_dev"]
    subprocess.run(setup, cwd=ROOT, env=variables, check=True, capture_output=True)
    done = subprocess.run(
        [sys.executable, "-c", GUESS],
        cwd=ROOT, env=variables, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return done.stdout.split()


def test_counters_of_failed_sign_ins_are_each_applications_own(environment, redis):
    """BF-1"""
    assert guess(environment, "One App") == ["200", "429"]
    assert guess(environment, "other") == ["200", "429"]
    assert guess(environment, "other") == ["429", "429"]
    with Redis.from_url(redis.url) as connection:
        keys = [key.decode() for key in connection.scan_iter("LIMITS:*")]
    assert {key.split("/")[1] for key in keys} == {"one-app", "other"}
