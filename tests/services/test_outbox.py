"""The outbox without servers: what is committed, who sends it, and how often users may ask."""

import logging
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from app import emails
from app.extensions import db
from app.kit import queue
from app.kit.database import now
from app.kit.mail import delivery, leases, outbox, writing
from app.kit.mail.email_message import EmailMessage
from app.kit.mail.errors import TemporaryFailure
from app.kit.mail.transport import MemoryTransport
from app.models import User
from tests import mails

HOUR = timedelta(hours=1)


@pytest.fixture
def user(make_user):
    return make_user(email="ada@example.com")


@pytest.fixture
def row(user):
    row = emails.send_password_changed(user)
    outbox.commit_and_notify(row)
    return row


@pytest.fixture
def offered(monkeypatch):
    """Return the jobs that were queued."""
    jobs = []
    monkeypatch.setattr(queue, "enqueue", jobs.append)
    return jobs


def test_the_mail_is_committed_with_the_change_and_offered_after_it(user, offered):
    user.first_name = "Augusta"
    rows = emails.send_role_changed(user), None, emails.send_password_changed(user)
    outbox.commit_and_notify(*rows)
    db.session.rollback()

    assert user.first_name == "Augusta"
    assert offered == ["drain_outbox"]
    assert db.session.query(EmailMessage).count() == 2


def test_nothing_is_offered_when_the_commit_fails(user, offered, monkeypatch):
    monkeypatch.setattr(db.session, "commit", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        outbox.commit_and_notify(emails.send_role_changed(user))

    assert offered == []


def test_a_mail_is_sent_once(app, row):
    app.extensions["mail_memory"] = sent = []

    assert mails.deliver(row.id) == "sent"
    assert mails.deliver(row.id) is None
    assert mails.deliver(row.id + 1000) is None
    assert len(sent) == 1


def test_a_mail_that_someone_has_is_left_to_them_until_the_lease_runs_out(row):
    row.state, row.next_try_at = "sending", now() + timedelta(seconds=5)
    db.session.commit()
    assert mails.deliver(row.id) is None
    assert outbox.sweep() == 0

    row.next_try_at = now() - timedelta(seconds=1)
    db.session.commit()
    assert outbox.sweep() == 1
    db.session.refresh(row)
    assert row.state == "sent"


def test_a_new_mail_is_left_to_the_worker_for_a_minute(row):
    assert outbox.sweep() == 0
    assert timedelta(seconds=55) < row.next_try_at - now() <= timedelta(seconds=60)


def test_a_worker_whose_lease_ran_out_records_no_outcome(row, monkeypatch):
    def claimed_meanwhile(transport, mime):
        row.attempts += 1
        db.session.commit()

    monkeypatch.setattr(MemoryTransport, "send", claimed_meanwhile)
    mails.deliver(row.id)
    db.session.refresh(row)

    assert (row.state, row.sent_at) == ("sending", None)


def test_a_mail_that_cannot_be_rendered_fails_once_and_is_logged(row, monkeypatch, caplog):
    """F13"""
    monkeypatch.setattr(delivery, "render", lambda row: 1 / 0)

    assert mails.deliver(row.id) == "failed"
    assert outbox.sweep() == 0
    db.session.refresh(row)
    assert "ZeroDivisionError" in row.last_error
    assert [record.levelno for record in caplog.records].count(logging.ERROR) == 1


def test_a_kind_of_mail_that_is_no_more_fails(row):
    """F13"""
    row.message = "of_an_older_release"
    db.session.commit()

    assert mails.deliver(row.id) == "failed"


def test_a_database_in_trouble_is_not_the_fault_of_the_mail(row, monkeypatch):
    def trouble(_row):
        raise OperationalError("SELECT 1", {}, Exception("gone"))

    monkeypatch.setattr(delivery, "render", trouble)
    with pytest.raises(OperationalError):
        mails.deliver(row.id)

    db.session.refresh(row)
    assert row.state == "sending"


def test_any_other_error_of_the_transport_is_tried_again(row, monkeypatch):
    monkeypatch.setattr(MemoryTransport, "send", lambda transport, mime: 1 / 0)

    assert mails.deliver(row.id) == "pending"


def test_a_mail_that_kills_its_workers_is_given_up(row):
    row.state, row.attempts, row.next_try_at = "sending", delivery.MOST_ATTEMPTS, now() - HOUR
    db.session.commit()

    assert mails.deliver(row.id) == "failed"


def test_asking_too_often_is_noticed_by_kind_address_and_time(app):
    for _ in range(3):
        db.session.add(emails.send_reset_password("ada@example.com"))
    db.session.commit()

    def is_throttled(recipient="ada@example.com", message="reset_password", limit=3):
        return outbox.is_throttled(recipient, message, limit, HOUR)

    assert is_throttled()
    assert not is_throttled(limit=4)
    assert not is_throttled(recipient="bob@example.com")
    assert not is_throttled(message="confirm")
    for row in db.session.scalars(select(EmailMessage)):
        row.created_at = now() - HOUR
    db.session.commit()
    assert not is_throttled()


def test_the_dashboard_counts_what_waits_failed_and_was_sent_today(user):
    rows = [emails.send_password_changed(user) for _ in range(6)]
    db.session.commit()
    for row, state in zip(rows, ("sending", "failed", "sent", "sent", "cancelled"), strict=False):
        row.state = state
    rows[2].sent_at, rows[3].sent_at = now(), now() - timedelta(days=1)
    db.session.commit()

    assert outbox.statistics() == {"pending": 2, "failed": 1, "sent_today": 1}


def test_the_sweep_stops_at_a_transport_that_is_broken(user, monkeypatch):
    def broken(transport, mime):
        transport.is_reachable = False
        raise TemporaryFailure("away")

    outbox.commit_and_notify(*[emails.send_password_changed(user) for _ in range(3)])
    monkeypatch.setattr(MemoryTransport, "send", broken)

    assert outbox.sweep(include_new=True) == 1


def test_a_drain_sends_new_mails_and_leaves_retries_to_the_sweep(app, user, offered):
    rows = [emails.send_role_changed(user) for _ in range(3)]
    rows[1].attempts, rows[1].next_try_at = 1, now() - HOUR
    db.session.commit()

    assert outbox.drain() == 2
    assert [row.state for row in rows] == ["sent", "pending", "sent"]
    assert outbox.drain() == 0


def test_a_drain_wakes_another_worker_when_there_is_more_than_one(user, offered):
    outbox.commit_and_notify(emails.send_role_changed(user))
    offered.clear()
    outbox.drain()
    assert offered == []

    outbox.commit_and_notify(emails.send_role_changed(user), emails.send_role_changed(user))
    offered.clear()
    outbox.drain()
    assert offered == ["drain_outbox"]


def test_a_drain_leaves_the_rest_to_another_job_when_its_time_is_over(user, offered, monkeypatch):
    rows = [emails.send_role_changed(user) for _ in range(2)]
    outbox.commit_and_notify(*rows)
    monkeypatch.setattr(outbox, "DRAIN_BUDGET", -1)

    assert outbox.drain() == 1
    assert [row.state for row in rows] == ["sent", "pending"]
    assert offered[-1] == "drain_outbox"


def test_a_drain_leaves_the_rest_to_another_job_when_the_server_is_away(user, offered, monkeypatch):
    def away(transport, mime):
        transport.is_reachable = False
        raise TemporaryFailure("away")

    rows = [emails.send_role_changed(user) for _ in range(2)]
    outbox.commit_and_notify(*rows)
    monkeypatch.setattr(MemoryTransport, "send", away)

    assert outbox.drain() == 1
    assert [(row.state, row.attempts) for row in rows] == [("pending", 1), ("pending", 0)]
    assert offered[-1] == "drain_outbox"


def test_a_job_that_runs_again_first_sends_the_mail_that_it_was_sending(user, offered):
    rows = [emails.send_role_changed(user) for _ in range(2)]
    outbox.commit_and_notify(*rows)
    leases.acquire_new("job-1")

    assert outbox.drain(holder="job-2") == 1
    assert [row.state for row in rows] == ["sending", "sent"]
    assert outbox.drain(holder="job-1") == 1
    db.session.expire_all()
    assert [(row.state, row.attempts) for row in rows] == [("sent", 2), ("sent", 1)]


# Single mails are sent before mails in bulk


@pytest.fixture
def many(make_user):
    """Add three mails of a bulk action, written before any other mail."""
    with writing.in_batch():
        for number in range(3):
            emails.send_role_changed(make_user(email=f"many{number}@example.com"))
    db.session.commit()
    return list(db.session.scalars(select(EmailMessage).order_by(EmailMessage.id)))


def test_a_mail_that_someone_waits_for_overtakes_those_of_many(user, many, offered):
    reset = emails.send_reset_password(user.email)
    outbox.commit_and_notify(reset)
    lease = leases.acquire_new("job-1")

    assert lease is not None
    assert lease.email_id == reset.id
    assert outbox.drain() == 3
    assert {row.state for row in many} == {"sent"}


def test_mails_of_one_kind_of_hurry_go_in_the_order_in_which_they_were_written(user, many):
    first, second = emails.send_confirm(user), emails.send_password_changed(user)
    db.session.commit()
    ids = [leases.acquire_new("job-1").email_id for _ in range(5)]

    assert ids == [first.id, second.id, *(row.id for row in many)]
    assert leases.acquire_new("job-1") is None


def test_the_sweep_too_begins_with_what_someone_waits_for(user, many, monkeypatch):
    reset = emails.send_password_changed(user)
    reset.next_try_at = now() - timedelta(seconds=1)
    for row in many:
        row.next_try_at = now() - timedelta(hours=1)
    db.session.commit()
    monkeypatch.setattr(outbox, "SWEEP_BUDGET", -1)

    assert outbox.sweep() == 1
    assert reset.state == "sent"


def test_a_sweep_of_many_mails_lets_one_come_between_that_someone_waits_for(
    user, many, monkeypatch
):
    for row in many:
        row.next_try_at = now() - timedelta(hours=1)
    db.session.commit()
    order = []
    send = delivery.send

    def send_and_ask(lease, transport):
        if not order:
            emails.send_password_changed(user)
            db.session.commit()
        order.append(lease.email_id)
        return send(lease, transport)

    monkeypatch.setattr(delivery, "send", send_and_ask)

    assert outbox.sweep() == 4
    assert order == [many[0].id, many[2].id + 1, many[1].id, many[2].id]


@pytest.mark.parametrize(
    ("told", "told_since"),
    [
        (emails.send_role_changed, emails.send_role_changed),
        (emails.send_account_suspended, emails.send_account_reactivated),
    ],
)
def test_an_overtaken_bulk_mail_is_not_sent(user, told, told_since):
    with writing.in_batch():
        told(user)
    db.session.commit()
    overtaken = db.session.scalars(select(EmailMessage)).one()
    newer = told_since(user)
    outbox.commit_and_notify(newer)

    assert outbox.drain() == 2
    assert (newer.state, overtaken.state) == ("sent", "cancelled")
    assert overtaken.last_error == "it was overtaken by a newer one"


def test_deleting_a_role_makes_nobody_wait_for_the_mails_of_its_people(user):
    emails.send_role_changed_to(User.id == user.id, role_name="User")
    db.session.commit()

    assert db.session.scalar(select(EmailMessage.is_bulk)) is True
