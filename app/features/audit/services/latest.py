"""The newest events, for a glance."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from app.extensions import db
from app.kit.audit.actions import ACTIONS
from app.models import AuditEvent


@dataclass(frozen=True)
class RecentEvent:
    """Who did what to whom, and when, as a line of a card tells it."""

    at: datetime
    action: str
    actor: str
    subject: str

    @property
    def words(self) -> str:
        return ACTIONS.get(self.action, self.action)


def latest(count: int) -> list[RecentEvent]:
    """Return the newest events, of which the key of the table has the order."""
    query = (
        select(AuditEvent.at, AuditEvent.action, AuditEvent.actor_label, AuditEvent.subject_label)
        .order_by(AuditEvent.id.desc())
        .limit(count)
    )
    return [RecentEvent(*row) for row in db.session.execute(query)]
