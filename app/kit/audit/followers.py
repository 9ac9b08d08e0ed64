"""Tell other parts of the app which events a transaction records or rewrites, before it commits."""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import Insert

from app.extensions import db
from app.kit.audit.event import AuditEvent

Follower = Callable[[Sequence[int]], None]
"""A function that takes the ids of events. It may write, and it neither flushes nor commits."""

_of_new: list[Follower] = []
_of_rewritten: list[Follower] = []


def follow_events(follower: Follower) -> Follower:
    """Call the decorated function in each transaction that records events."""
    _of_new.append(follower)
    return follower


def follow_rewritten_events(follower: Follower) -> Follower:
    """Call the decorated function when erasing a user changes events."""
    _of_rewritten.append(follower)
    return follower


def add_events(statement: Insert, rows: list[dict[str, Any]] | None = None) -> None:
    """Insert events by a statement, and tell the followers."""
    if not _of_new:
        db.session.execute(statement, rows)
        return
    _tell(_of_new, db.session.scalars(statement.returning(AuditEvent.id), rows).all())


def tell_rewritten(ids: Sequence[int]) -> None:
    _tell(_of_rewritten, ids)


@event.listens_for(db.session, "after_flush")
def _tell_new(session: Session, _context: object) -> None:
    if _of_new:
        _tell(_of_new, [row.id for row in session.new if isinstance(row, AuditEvent)])


def _tell(followers: list[Follower], ids: Sequence[int]) -> None:
    for follower in followers if ids else ():
        follower(ids)
