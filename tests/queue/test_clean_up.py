"""The rows that the nightly clean-up deletes, and the time at which it is due."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

import config
from app import emails, tasks
from app.extensions import db
from app.kit import queue
from app.kit.database import now
from app.kit.mail import outbox
from app.kit.mail.email_message import EmailMessage, EmailState
from app.kit.queue import recurring
from app.models import UserSession


@pytest.fixture
def make_row(make_user):
    """Return a function that adds a mail of some age, in days."""

    def make(state, age):
        row = emails.send_password_changed(make_user())
        row.state = state
        row.created_at = now() - timedelta(days=age)
        row.sent_at = row.created_at if state == EmailState.SENT else None
        db.session.commit()
        return row.id

    return make


def test_old_mails_are_deleted_and_those_that_failed_later(app, make_row):
    kept = [
        make_row(EmailState.SENT, 29),
        make_row(EmailState.CANCELLED, 29),
        make_row(EmailState.FAILED, 89),
        make_row(EmailState.PENDING, 400),
    ]
    make_row(EmailState.SENT, 31)
    make_row(EmailState.CANCELLED, 31)
    make_row(EmailState.FAILED, 91)

    assert outbox.purge() == 3
    assert sorted(db.session.scalars(select(EmailMessage.id))) == kept


def test_many_old_mails_are_deleted_a_few_at_a_time(app, make_row, monkeypatch):
    monkeypatch.setattr(outbox, "PURGE_BATCH", 2)
    for _ in range(5):
        make_row(EmailState.SENT, 31)

    assert outbox.purge() == 5


def test_a_clean_up_says_how_much_it_deleted(app, make_user, make_row):
    make_row(EmailState.SENT, 31)
    db.session.add(
        UserSession(user=make_user(), token_hash="0" * 64, expires_at=now() - timedelta(minutes=1))
    )
    db.session.commit()

    counts = tasks.clean_up()
    assert {kind: count for kind, count in counts.items() if count} == {"sessions": 1, "emails": 1}


def test_each_recurring_task_names_a_setting(app):
    recurring_tasks = [task for task in queue.TASKS.values() if task.cron]
    assert "clean_up" in {task.name for task in recurring_tasks}
    assert {task.cron for task in recurring_tasks} <= set(app.config)


def test_without_a_queue_a_task_is_due_once(app, monkeypatch):
    monkeypatch.setitem(app.config, "CLEAN_UP_AT", "32 3 * * *")  # when no other task is due
    monkeypatch.setattr(recurring, "now", lambda: datetime(2026, 5, 4, 3, 33, tzinfo=UTC))

    assert queue.due_since(datetime(2026, 5, 4, 3, 31, tzinfo=UTC)) == [tasks.clean_up]
    assert queue.due_since(datetime(2026, 5, 4, 3, 32, 30, tzinfo=UTC)) == []


def test_a_task_whose_time_is_never_is_not_scheduled(app, monkeypatch):
    assert "clean_up" in dict(recurring.schedule())
    settings = config.DevelopmentConfig({"CLEAN_UP_AT": "Never"})
    monkeypatch.setitem(app.config, "CLEAN_UP_AT", settings.CLEAN_UP_AT)

    assert "clean_up" not in dict(recurring.schedule())


@pytest.mark.parametrize(
    "value",
    [
        "nightly",
        "61 3 * * *",
        "30 3 * *",
        "0 30 3 * * *",
        "0 0 30 2 *",  # Such a day never comes, and workers would not start.
        "0 0 29 2 1#1",
        "R 3 * * *",  # croniter's own: a time at random, in each process another one
        "0 r(0-5) * * *",
    ],
)
def test_a_time_that_no_crontab_would_take_is_refused(value):
    with pytest.raises(config.ConfigurationError, match="CLEAN_UP_AT"):
        config.DevelopmentConfig({"CLEAN_UP_AT": value})


@pytest.mark.parametrize("value", ["0 0 29 2 *", "0 0 * mar,apr fri", "*/5 * * * *", "0 0 L * thu"])
def test_a_time_that_comes_is_taken(value):
    assert value == config.DevelopmentConfig({"CLEAN_UP_AT": value}).CLEAN_UP_AT
