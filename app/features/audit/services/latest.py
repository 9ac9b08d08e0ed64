"""The newest events, for a card of the dashboard."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from app.extensions import db
from app.kit.audit.actions import ACTIONS
from app.models import AuditEvent


@dataclass(frozen=True)
class RecentEvent:
    """Time, action, actor and subject of an event, as one line of the card."""

    at: datetime
    action: str
    actor: str
    subject: str

    @property
    def words(self) -> str:
        return ACTIONS.get(self.action, self.action)


def latest(count: int) -> list[RecentEvent]:
    """Return the newest events, in the order of the primary key."""
    query = (
        select(AuditEvent.at, AuditEvent.action, AuditEvent.actor_label, AuditEvent.subject_label)
        .order_by(AuditEvent.id.desc())
        .limit(count)
    )
    return [RecentEvent(*row) for row in db.session.execute(query)]
