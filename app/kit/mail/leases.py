"""Which worker sends which mail of the outbox: each takes one, and no two have the same."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, bindparam, or_, select, update
from sqlalchemy.sql.dml import ReturningUpdate

from app.extensions import db
from app.kit.database import now
from app.kit.mail.email_message import EmailMessage, EmailState

TIMEOUT = 90  # seconds that a job may spend on sending
# A claim this old belongs to a worker that died: no job lives longer than TIMEOUT.
LEASE = timedelta(seconds=TIMEOUT + 10)


@dataclass(frozen=True)
class Lease:
    """A mail that this worker may send now; a later claim has another attempt's number."""

    email_id: int
    attempt: int
    request_id: str


# The update decides who has a mail: of two workers, one changes no row. Put together once, because
# that takes as long as running it.
_TAKE: ReturningUpdate[int, int, str] = (
    update(EmailMessage)
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
    """Return the condition that a mail is new, or due again."""
    never_tried = and_(EmailMessage.state == EmailState.PENDING, EmailMessage.attempts == 0)
    due = and_(
        EmailMessage.state.in_([EmailState.PENDING, EmailState.SENDING]),
        EmailMessage.next_try_at <= at,
    )
    return or_(never_tried, due)


def claim(email_id: int, claimant: str) -> Lease | None:
    """Take a mail for this worker if it is new or due, or if `claimant` has it."""
    is_free = may_be_claimed(now())
    if claimant:
        is_free = or_(is_free, _is_of(claimant))
    return _take(_TAKE.where(EmailMessage.id == email_id, is_free), claimant)


def claim_again(claimant: str) -> Lease | None:
    """Take up again what `claimant` was sending when it died."""
    left = left_by(claimant)
    return claim(left[0], claimant) if left else None


def left_by(claimant: str) -> list[int]:
    """Return the ids of what `claimant` was sending when it died: one, or none."""
    if not claimant:
        return []
    left = list(db.session.scalars(select(EmailMessage.id).where(_is_of(claimant))))
    db.session.commit()
    return left


def claim_new(claimant: str) -> Lease | None:
    """Take the mail whose first try is next: one that somebody waits for, else one of many."""
    return _take(_TAKE_NEW, claimant)


def claim_awaited(claimant: str) -> Lease | None:
    """Take the mail that waits longest for its first try, and is not one of many."""
    return _take(_TAKE_AWAITED, claimant)


def is_any_new() -> bool:
    """Tell whether a mail waits for its first try."""
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
