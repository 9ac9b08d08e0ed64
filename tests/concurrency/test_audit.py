"""The audit trail under concurrent writers: nothing is lost, and nobody waits for long."""

from datetime import timedelta

from sqlalchemy import func, insert, select

from app.extensions import db
from app.kit.audit import retention
from app.kit.audit.maintenance import AuditMaintenance
from app.kit.database import now
from app.models import AuditEvent


def add_events(count, **values):
    db.session.execute(
        insert(AuditEvent), [{"at": now(), "action": "session.started"} | values] * count
    )
    db.session.commit()


def test_two_clean_ups_at_once_delete_each_event_once(race, monkeypatch):
    monkeypatch.setattr(retention, "BATCH", 20)
    add_events(300, at=now() - timedelta(days=10_000))
    add_events(7)
    first, second = race(retention.purge, retention.purge)
    # Each run skips rows that the other has locked; the next night deletes the rest.
    assert isinstance(first, int), first
    assert isinstance(second, int), second
    assert first + second + retention.purge() == 300
    assert db.session.scalar(select(func.count(AuditEvent.id))) == 7
    assert db.session.scalar(select(func.count(AuditMaintenance.id))) == 0
