"""Lease each mail of the outbox to one worker at a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, bindparam, or_, select, update
from sqlalchemy.sql.dml import ReturningUpdate

from app.extensions import db
from app.kit.database import now
from app.kit.mail.email_message import ON_THEIR_WAY, EmailMessage, EmailState
from app.kit.outgoing import NOT_HELD

TIMEOUT = 90  # seconds that a job may spend on sending
# A lease this old belongs to a dead worker, because no job lives longer than TIMEOUT.
LEASE = timedelta(seconds=TIMEOUT + 10)


@dataclass(frozen=True)
class Lease:
    """A worker's temporary hold on a mail. A later lease has a higher attempt number."""

    email_id: int
    attempt: int
    request_id: str


# The update decides which worker gets a mail: the other worker changes no row. While mail is held,
# nobody gets one. The statement is built once, because building it takes as long as running it.
_TAKE: ReturningUpdate[int, int, str] = (
    update(EmailMessage)
    .where(NOT_HELD)
    .values(
        state=EmailState.SENDING,
        attempts=EmailMessage.attempts + 1,
        claimed_at=bindparam("at"),
        claimed_by=bindparam("holder"),
        next_try_at=bindparam("lease_ends"),
    )
    .returning(EmailMessage.id, EmailMessage.attempts, EmailMessage.request_id)
    .execution_options(synchronize_session=False)
)
_TAKE_NEW = _TAKE.where(EmailMessage.id == EmailMessage.next_new().scalar_subquery())
_AWAITED = EmailMessage.next_new().where(~EmailMessage.is_bulk)
_TAKE_AWAITED = _TAKE.where(EmailMessage.id == _AWAITED.scalar_subquery())


def may_be_leased(at: datetime) -> ColumnElement[bool]:
    """Return the condition that a mail is new or due for another attempt."""
    never_tried = and_(EmailMessage.state == EmailState.PENDING, EmailMessage.attempts == 0)
    due = and_(
        EmailMessage.state.in_(ON_THEIR_WAY),
        EmailMessage.next_try_at <= at,
    )
    return or_(never_tried, due)


def acquire(email_id: int, holder: str) -> Lease | None:
    """Lease a mail if it is new or due, or if `holder` already holds it."""
    is_free = may_be_leased(now())
    if holder:
        is_free = or_(is_free, _is_of(holder))
    return _take(_TAKE.where(EmailMessage.id == email_id, is_free), holder)


def acquire_again(holder: str) -> Lease | None:
    """Lease the mail again that `holder` was sending when it died."""
    left = left_by(holder)
    return acquire(left[0], holder) if left else None


def left_by(holder: str) -> list[int]:
    """Return the id of the mail that `holder` was sending when it died, in a list, if any."""
    if not holder:
        return []
    left = list(db.session.scalars(select(EmailMessage.id).where(_is_of(holder))))
    db.session.commit()
    return left


def acquire_new(holder: str) -> Lease | None:
    """Lease the oldest new mail. Mails of bulk actions come last."""
    return _take(_TAKE_NEW, holder)


def acquire_awaited(holder: str) -> Lease | None:
    """Lease the oldest new mail that does not belong to a bulk action."""
    return _take(_TAKE_AWAITED, holder)


def is_any_new() -> bool:
    """Return whether a mail waits for its first attempt."""
    found = db.session.scalar(EmailMessage.next_new())
    db.session.commit()
    return found is not None


def _is_of(holder: str) -> ColumnElement[bool]:
    return and_(EmailMessage.state == EmailState.SENDING, EmailMessage.claimed_by == holder)


def _take(statement: ReturningUpdate[int, int, str], holder: str) -> Lease | None:
    at = now()
    values = {"at": at, "holder": holder, "lease_ends": at + LEASE}
    taken = db.session.execute(statement, values).first()
    db.session.commit()
    return None if taken is None else Lease(*taken)
