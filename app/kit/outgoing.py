"""Hold what the app sends to others, as a restored copy does, until an operator releases it.

The hold is a row. It travels with the database, and workers meet it without a restart, because
the statements that lease a mail or a delivery have the condition NOT_HELD.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Text, delete, exists, insert
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import db
from app.kit import audit, queue
from app.kit.database import UtcDateTime, now


class OutgoingHold(db.Model):
    """The only row of its table, which is there while nothing may go out."""

    __tablename__ = "outgoing_holds"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """Always ROW, so that there cannot be two."""
    since: Mapped[datetime] = mapped_column(UtcDateTime)
    reason: Mapped[str] = mapped_column(Text)

    def __repr__(self) -> str:
        return f"<OutgoingHold {self.since:%Y-%m-%d %H:%M}>"


ROW = 1
# A subquery of an empty table costs a lease a few microseconds, and no query of its own.
NOT_HELD = ~exists().where(OutgoingHold.id == ROW)


@dataclass(frozen=True)
class OutgoingKind:
    """A kind of messages to others. The functions get the time of the hold."""

    nouns: str
    waiting: Callable[[], int]
    """Return how many messages wait."""
    cancel: Callable[[datetime], int]
    """Cancel the messages that were written before a time. The caller commits."""
    task: str
    """The task that sends them."""


_kinds: dict[str, OutgoingKind] = {}


def outgoing(
    nouns: str, *, waiting: Callable[[], int], cancel: Callable[[datetime], int], task: str
) -> None:
    """Register messages that a hold keeps back. The statement that leases them has NOT_HELD."""
    _kinds[nouns] = OutgoingKind(nouns, waiting, cancel, task)


def current_hold() -> OutgoingHold | None:
    return db.session.get(OutgoingHold, ROW)


def waiting() -> dict[str, int]:
    """Return the numbers of the messages that wait, by kind."""
    return {name: kind.waiting() for name, kind in _kinds.items()}


def values_of_hold(reason: str) -> dict[str, Any]:
    """Return the columns of a hold that begins now."""
    return {"id": ROW, "since": now(), "reason": reason}


def hold(reason: str) -> bool:
    """Hold everything from now on, or return False if it is held already.

    A message that a worker sends at this moment still goes out.
    """
    if current_hold() is not None:
        return False
    db.session.execute(insert(OutgoingHold).values(**values_of_hold(reason)))
    audit.record("outgoing.held", by=None, reason=reason)
    db.session.commit()
    return True


def release(*, cancel_older: bool = False) -> dict[str, int]:
    """End the hold, notify the worker, and return the numbers of cancelled messages by kind.

    `cancel_older` cancels the messages from before the hold, which the original of this copy may
    have sent since.
    """
    found = current_hold()
    if found is None:
        return {}
    cancelled = {}
    if cancel_older:
        cancelled = {name: kind.cancel(found.since) for name, kind in _kinds.items()}
    db.session.execute(delete(OutgoingHold))
    audit.record("outgoing.released", by=None, cancelled=sum(cancelled.values()))
    db.session.commit()
    for kind in _kinds.values():
        queue.enqueue(kind.task)
    return cancelled
