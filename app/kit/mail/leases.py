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
        claimed_by=bindparam("claimant"),
        next_try_at=bindparam("lease_ends"),
    )
    .returning(EmailMessage.id, EmailMessage.attempts, EmailMessage.request_id)
    .execution_options(synchronize_session=False)
)
_TAKE_NEW = _TAKE.where(EmailMessage.id == EmailMessage.next_new().scalar_subquery())
_AWAITED = EmailMessage.next_new().where(~EmailMessage.is_bulk)
_TAKE_AWAITED = _TAKE.where(EmailMessage.id == _AWAITED.scalar_subquery())


def may_be_claimed(at: datetime) -> ColumnElement[bool]:
    """Return the condition that a mail is new or due for another attempt."""
    never_tried = and_(EmailMessage.state == EmailState.PENDING, EmailMessage.attempts == 0)
    due = and_(
        EmailMessage.state.in_(ON_THEIR_WAY),
        EmailMessage.next_try_at <= at,
    )
    return or_(never_tried, due)


def claim(email_id: int, claimant: str) -> Lease | None:
    """Lease a mail if it is new or due, or if `claimant` already holds it."""
    is_free = may_be_claimed(now())
    if claimant:
        is_free = or_(is_free, _is_of(claimant))
    return _take(_TAKE.where(EmailMessage.id == email_id, is_free), claimant)


def claim_again(claimant: str) -> Lease | None:
    """Lease the mail again that `claimant` was sending when it died."""
    left = left_by(claimant)
    return claim(left[0], claimant) if left else None


def left_by(claimant: str) -> list[int]:
    """Return the id of the mail that `claimant` was sending when it died, in a list, if any."""
    if not claimant:
        return []
    left = list(db.session.scalars(select(EmailMessage.id).where(_is_of(claimant))))
    db.session.commit()
    return left


def claim_new(claimant: str) -> Lease | None:
    """Lease the oldest new mail. Mails of bulk actions come last."""
    return _take(_TAKE_NEW, claimant)


def claim_awaited(claimant: str) -> Lease | None:
    """Lease the oldest new mail that does not belong to a bulk action."""
    return _take(_TAKE_AWAITED, claimant)


def is_any_new() -> bool:
    """Return whether a mail waits for its first attempt."""
    found = db.session.scalar(EmailMessage.next_new())
    db.session.commit()
    return found is not None


def _is_of(claimant: str) -> ColumnElement[bool]:
    return and_(EmailMessage.state == EmailState.SENDING, EmailMessage.claimed_by == claimant)


def _take(statement: ReturningUpdate[int, int, str], claimant: str) -> Lease | None:
    at = now()
    values = {"at": at, "claimant": claimant, "lease_ends": at + LEASE}
    taken = db.session.execute(statement, values).first()
    db.session.commit()
    return None if taken is None else Lease(*taken)
