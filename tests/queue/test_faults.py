"""Faults F1 to F14 that no other test covers completely, with a worker as in production.

The test of a fault names it in its docstring, and the last test here counts them.
"""

import os
import re
import signal
import time

import pytest
from sqlalchemy import update

from app.extensions import db
from app.kit.database import now
from app.kit.mail import outbox
from app.kit.mail.email_message import EmailMessage
from app.models import User
from tests import processes
from tests.processes import ROOT
from tests.queue.support import states, until

SIGN_IN_UNTIL_REFUSED = """
from app import create_app
from tests.support import Browser

app = create_app("development", {"RATELIMIT_ENABLED": True})
app.test_client_class = Browser
browser = app.test_client()
form = {"email": "ada@example.com", "password": "not the one that it is"}
for _ in range(60):
    print(browser.submit("/account/login", form).status_code)
"""


def test_mails_that_redis_forgot_are_sent(web, own_redis, start_worker, smtp, make_mails):
    """F3"""
    outbox.commit_and_notify(*make_mails(5))
    own_redis.client.flushall()
    # Pretend that a minute has passed.
    db.session.execute(update(EmailMessage).values(next_try_at=now()))
    db.session.commit()
    start_worker()

    assert len({mail["Message-ID"] for mail in smtp.wait_for(5)}) == 5
    until(lambda: set(states(web)) == {"sent"}, "all are marked sent")


def test_guessing_is_limited_while_the_counters_are_away(web, own_redis, environment):
    """F5"""
    own_redis.stop()
    answers = processes.run("-c", SIGN_IN_UNTIL_REFUSED, env=environment).stdout.split()

    assert answers[0] == "200"
    assert answers[-1] == "429"
    assert set(answers) == {"200", "429"}


@pytest.mark.timing
def test_a_mail_whose_process_is_killed_is_sent_within_seconds(web, start_worker, smtp, make_mails):
    """F6: the server has two copies with the same Message-ID, because it had received the first."""
    smtp.script.append("keep")
    outbox.commit_and_notify(*make_mails(1))
    worker = start_worker()
    smtp.wait_until_holding()
    (horse,) = worker.children()
    at = time.monotonic()
    os.kill(horse, signal.SIGKILL)

    until(lambda: states(web) == ["sent"], "the mail is sent again")
    assert time.monotonic() - at < 10
    assert len(smtp.mails) == 2
    assert len({mail["Message-ID"] for mail in smtp.mails}) == 1


@pytest.mark.timing
def test_a_mail_whose_worker_is_killed_is_sent_by_another_within_20_seconds(
    web, start_worker, smtp, make_mails
):
    """F7: the server has two copies with the same Message-ID, because it had received the first."""
    smtp.script.append("keep")
    outbox.commit_and_notify(*make_mails(1))
    worker = start_worker()
    smtp.wait_until_holding()
    at = time.monotonic()
    worker.end()
    start_worker()

    until(lambda: states(web) == ["sent"], "the mail is sent again")
    assert time.monotonic() - at < 20
    assert len(smtp.mails) == 2
    assert len({mail["Message-ID"] for mail in smtp.mails}) == 1


@pytest.mark.slow
def test_a_mail_that_the_server_defers_is_sent_later(web, start_worker, smtp, make_mails):
    """F9"""
    smtp.script.extend(["data 421 closing", "rcpt 451 later"])
    outbox.commit_and_notify(*make_mails(1))
    start_worker(
        program="tests/queue/manage.py", EMAIL_RETRY_SECONDS="1,1", WORKER_SWEEP_INTERVAL="2"
    )

    until(lambda: states(web) == ["sent"], "two sweeps later it is sent", patience=60)
    assert not smtp.script
    assert len(smtp.mails) == 1


def test_a_server_that_stalls_does_not_keep_the_worker(web, start_worker, smtp, make_mails):
    """F11"""
    smtp.script.append("stall")
    rows = make_mails(2)
    second = rows[1].message_id
    outbox.commit_and_notify(*rows)
    start_worker(MAIL_TIMEOUT="1")

    assert smtp.wait_for(1)[0]["Message-ID"] == second
    until(lambda: states(web) == ["pending", "sent"], "the first waits for its next try")


def test_a_mail_to_someone_who_is_deleted_meanwhile_is_not_sent(
    web, start_worker, smtp, make_mails
):
    """F14"""
    gone, stays = make_mails(2)
    outbox.commit_and_notify(gone, stays)
    recipient = stays.recipient
    db.session.delete(User.by_email(gone.recipient))
    db.session.commit()
    worker = start_worker()

    until(lambda: states(web) == ["cancelled", "sent"], "one is sent, one is not")
    assert [mail["To"] for mail in smtp.mails] == [recipient]
    assert worker.process.poll() is None


def test_each_fault_of_the_queue_has_a_test():
    texts = [path.read_text() for path in (ROOT / "tests").rglob("test_*.py")]
    docstrings = " ".join(
        found for text in texts for found in re.findall(r'^    """(.*)', text, re.M)
    )
    named = set(re.findall(r"\bF\d+\b", docstrings))

    assert {f"F{number}" for number in range(1, 15)} <= named
