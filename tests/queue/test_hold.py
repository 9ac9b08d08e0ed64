"""While mail is held, no worker sends any; a release sends it, or cancels what is older."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from app.extensions import db
from app.kit import outgoing
from app.kit.audit import AuditEvent
from app.kit.database import now
from app.kit.mail import outbox
from app.kit.mail.email_message import EmailMessage
from tests.queue.support import until


@pytest.fixture
def rows(web, make_mails):
    """Return a mail that waits, one to try again, and one that a dead worker was sending."""
    mails = make_mails(3)
    outbox.commit_and_notify(*mails)
    old = now() - timedelta(minutes=5)
    ids = [mail.id for mail in mails]
    for one, state in ((ids[1], "pending"), (ids[2], "sending")):
        values = {"state": state, "attempts": 1, "next_try_at": old, "claimed_by": "sweep"}
        db.session.execute(update(EmailMessage).where(EmailMessage.id == one).values(**values))
    db.session.commit()
    return ids


def states():
    db.session.rollback()
    found = list(db.session.scalars(select(EmailMessage.state).order_by(EmailMessage.id)))
    db.session.rollback()  # A transaction that stays open would keep other processes waiting.
    return found


def test_workers_send_nothing_until_an_operator_says_so(web, rows, run, smtp, own_redis):
    assert outgoing.hold("Restored from a backup.")
    worker = run("run_worker", "--burst")
    assert worker.wait() == 0, worker.output
    without_redis = run("run_worker", "--no-redis", "--burst")
    assert without_redis.wait() == 0, without_redis.output
    assert (smtp.mails, states()) == ([], ["pending", "pending", "sending"])

    command = run("mail", "release", "--yes")
    assert command.wait() == 0
    assert "Held since" in command.output
    assert "Restored from a backup." in command.output
    assert "Waiting: 3 mails" in command.output
    assert run("run_worker", "--no-redis", "--burst").wait() == 0
    assert states() == ["sent", "sent", "sent"]
    assert len(smtp.mails) == 3


def test_a_worker_that_runs_meets_the_hold_and_the_release(
    web, make_mails, start_worker, smtp, own_redis
):
    start_worker()
    outbox.commit_and_notify(*make_mails(1))
    until(lambda: states() == ["sent"], "the first is sent")

    outgoing.hold("An operator holds it.")
    outbox.commit_and_notify(*make_mails(1))
    waiting, running = "rq:queue:test-default", "rq:wip:test-default"
    redis = own_redis.client
    until(lambda: not redis.llen(waiting) + redis.zcard(running), "the worker has tried it")
    assert states() == ["sent", "pending"]
    outgoing.release()
    until(lambda: states() == ["sent", "sent"], "the second is sent")
    assert len(smtp.mails) == 2


def test_a_release_cancels_what_is_older_and_sends_the_rest(web, rows, make_mails, run, smtp):
    outgoing.hold("Restored from a backup.")
    assert not outgoing.hold("Again.")
    new = make_mails(1)
    outbox.commit_and_notify(*new)
    command = run("mail", "release", "--cancel-older", "--yes")
    assert command.wait() == 0
    assert "Cancelled: 3 mails" in command.output
    assert run("run_worker", "--no-redis", "--burst").wait() == 0

    assert states() == ["cancelled"] * 3 + ["sent"]
    assert len(smtp.mails) == 1
    actions = select(AuditEvent.action).where(AuditEvent.action.startswith("outgoing."))
    assert db.session.scalars(actions.order_by(AuditEvent.id)).all() == [
        "outgoing.held",
        "outgoing.released",
    ]


def test_the_commands_say_what_is_held(web, run):
    told = []
    for words in (
        ("status",),
        ("hold", "--reason", "A staging copy."),
        ("hold",),
        ("status",),
        ("release",),
        ("release", "--yes"),
        ("release",),
    ):
        command = run("mail", *words)
        code = command.wait()
        told.append((code, command.output))
    codes, output = [code for code, _ in told], [text for _, text in told]
    assert codes == [0, 0, 0, 0, 1, 0, 0]
    assert output[0].startswith("Nothing is held. Waiting: 0 mails")
    assert "Nothing goes out from now on." in output[1]
    assert "It is held already." in output[2]
    assert "A staging copy." in output[3]
    assert "Send all of it to real people?" in output[4], "nobody answers, so it stays"
    assert "Released. A worker sends what waits." in output[5]
    assert "Nothing is held." in output[6]
