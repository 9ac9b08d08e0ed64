"""Features learn in the same transaction which events are recorded, in each way of recording."""

import pytest
from sqlalchemy import select

from app.extensions import db
from app.kit import audit
from app.kit.audit import followers, retention
from app.kit.audit.forgetting import ErasedUser
from app.kit.audit.many import record_all
from app.models import AuditEvent, User


@pytest.fixture
def told(monkeypatch):
    """Return the ids that followers are told: those of new events, and of rewritten ones."""
    new, rewritten = [], []
    monkeypatch.setattr(followers, "_of_new", [new.extend])
    monkeypatch.setattr(followers, "_of_rewritten", [rewritten.extend])
    return new, rewritten


def ids(*conditions):
    return list(db.session.scalars(select(AuditEvent.id).where(*conditions).order_by("id")))


def test_one_event(told, make_user):
    user = make_user()
    audit.record("user.suspended", by=None, subject=user)
    db.session.flush()

    assert told[0] == ids(AuditEvent.action == "user.suspended") != []


def test_events_of_many_rows(told, make_user):
    users = [make_user() for _ in range(3)]
    record_all("user.suspended", users, by=None, label=User.email)

    assert sorted(told[0]) == ids(AuditEvent.action == "user.suspended")
    assert len(told[0]) == 3


def test_a_flush_without_events_tells_nothing(told, make_user):
    make_user()
    assert told == ([], [])


def test_events_that_erasing_a_user_rewrites(told, make_user):
    user = make_user()
    audit.record("user.suspended", by=None, subject=user)
    db.session.commit()
    retention.anonymise({user.id: ErasedUser(user.id, user.email, [user.email])}, lambda _: set())

    assert told[1] == told[0]
