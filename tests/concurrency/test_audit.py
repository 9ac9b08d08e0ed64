"""The audit trail under concurrent writers: nothing is lost, and nobody waits for long."""

from datetime import timedelta

from sqlalchemy import func, insert, select

from app.extensions import db
from app.kit import audit
from app.kit.audit import retention
from app.kit.database import now
from app.models import AuditEvent, AuditMaintenance, User
from app.services import erasure
from tests.factories import make_user


def add_events(count, **values):
    db.session.execute(
        insert(AuditEvent), [{"at": now(), "action": "session.started"} | values] * count
    )
    db.session.commit()


def test_two_clean_ups_at_once_delete_each_event_once(race, monkeypatch):
    monkeypatch.setattr(retention, "BATCH", 20)
    add_events(300, at=now() - timedelta(days=10_000))
    add_events(7)
    first, second = race(audit.purge, audit.purge)
    # Each run skips rows that the other has locked; the next night deletes the rest.
    assert isinstance(first, int), first
    assert isinstance(second, int), second
    assert first + second + audit.purge() == 300
    assert db.session.scalar(select(func.count(AuditEvent.id))) == 7
    assert db.session.scalar(select(func.count(AuditMaintenance.id))) == 0


def test_people_are_taken_out_while_events_are_forgotten_and_added(race):
    people = [make_user() for _ in range(4)]
    for user in people:
        label = {"actor_id": user.id, "actor_label": user.email}
        add_events(30, at=now() - timedelta(days=10_000), **label)
        add_events(30, **label)
    ids = [user.id for user in people]
    by = people[0].id

    def anonymise(*user_ids):
        def act():
            erasure.anonymise(user_ids)
            db.session.commit()

        return act

    def add():
        for _ in range(20):
            audit.record("page.edited", by=db.session.get(User, by))
            db.session.commit()

    results = race(anonymise(*ids[:2]), anonymise(*ids[2:]), audit.purge, add)
    assert not [result for result in results if isinstance(result, Exception)], results
    audit.purge()
    names = select(func.count(AuditEvent.id)).where(AuditEvent.actor_label.contains("#"))
    assert db.session.scalar(names) >= 4 * 30
    assert db.session.scalar(select(func.count(AuditEvent.id))) == 4 * 30 + 20
