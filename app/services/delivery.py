"""Delivering one mail of the outbox: claiming its row, rendering it, handing it over, the outcome.

Each step has a transaction of its own, because a mail server may be slow and a database lock must
not wait for it.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import current_app, g
from sqlalchemy import ColumnElement, and_, bindparam, or_, select, update
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.sql.dml import ReturningUpdate

from app import emails
from app.database import now
from app.emails import RenderedEmail
from app.extensions import db
from app.mail import Misconfigured, RefusedForGood, TemporaryFailure, Transport, compose
from app.models import EmailMessage
from app.models.email_message import EmailState

logger = logging.getLogger(__name__)

TIMEOUT = 90  # seconds that a job may spend on sending
# A claim this old belongs to a worker that died: no job lives longer than TIMEOUT.
LEASE = timedelta(seconds=TIMEOUT + 10)

# Until an operator mends the cause, coming back soon is of no use.
MISCONFIGURED_RETRY_AFTER = timedelta(minutes=5)
MISCONFIGURED_GIVE_UP_AFTER = timedelta(days=3)
# More than the retries of three days: only a mail that kills its worker gets there.
MOST_ATTEMPTS = 30
MARK_TRIES = 4


@dataclass(frozen=True)
class Claim:
    """A mail that this worker may send now; a later claim has another attempt's number."""

    email_id: int
    attempt: int
    request_id: str


# Claiming


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


def claim(email_id: int, claimant: str) -> Claim | None:
    """Take a mail for this worker if it is new or due, or if `claimant` has it."""
    is_free = may_be_claimed(now())
    if claimant:
        is_free = or_(is_free, _is_of(claimant))
    return _take(_TAKE.where(EmailMessage.id == email_id, is_free), claimant)


def claim_again(claimant: str) -> Claim | None:
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


def claim_new(claimant: str) -> Claim | None:
    """Take the mail whose first try is next: one that somebody waits for, else one of many."""
    return _take(_TAKE_NEW, claimant)


def claim_awaited(claimant: str) -> Claim | None:
    """Take the mail that waits longest for its first try, and is not one of many."""
    return _take(_TAKE_AWAITED, claimant)


def is_any_new() -> bool:
    """Tell whether a mail waits for its first try."""
    found = db.session.scalar(EmailMessage.next_new())
    db.session.commit()
    return found is not None


def _is_of(claimant: str) -> ColumnElement[bool]:
    return and_(EmailMessage.state == EmailState.SENDING, EmailMessage.claimed_by == claimant)


def _take(statement: ReturningUpdate[int, int, str], claimant: str) -> Claim | None:
    at = now()
    values = {"at": at, "claimant": claimant, "lease_ends": at + LEASE}
    taken = db.session.execute(statement, values).first()
    db.session.commit()
    return None if taken is None else Claim(*taken)


# Sending


def send(claimed: Claim, transport: Transport) -> EmailState:
    """Render and send a mail and return the state that it is in then.

    The lines that are logged meanwhile have the id of the request that caused the mail.
    """
    own_id = g.get("request_id", "")
    g.request_id = claimed.request_id or own_id
    try:
        rendered = _render(claimed)
        if isinstance(rendered, EmailState):
            return rendered
        return _hand_over(claimed, rendered, transport)
    finally:
        g.request_id = own_id


def _render(claimed: Claim) -> RenderedEmail | EmailState:
    if claimed.attempt > MOST_ATTEMPTS:
        return _mark(claimed, EmailState.FAILED, error="The worker dies of it.")
    try:
        row = db.session.get_one(EmailMessage, claimed.email_id, populate_existing=True)
        rendered = emails.render(row)
        db.session.commit()
    except emails.Cancelled as reason:
        db.session.rollback()
        return _mark(claimed, EmailState.CANCELLED, error=str(reason))
    except SQLAlchemyError:
        # The database is in trouble, not the mail: the claim runs out and it is tried again.
        db.session.rollback()
        raise
    except Exception as error:
        db.session.rollback()
        logger.exception("email %s cannot be rendered", claimed.email_id)
        problem = f"The mail cannot be rendered: {type(error).__name__}"
        return _mark(claimed, EmailState.FAILED, error=problem)
    return rendered


def _hand_over(claimed: Claim, rendered: RenderedEmail, transport: Transport) -> EmailState:
    try:
        mime = compose(
            recipient=rendered.recipient,
            subject=rendered.subject,
            text=rendered.text,
            html=rendered.html,
            message_id=rendered.message_id,
        )
        transport.send(mime)
    except RefusedForGood as error:
        return _mark(claimed, EmailState.FAILED, rendered, error=str(error))
    except Misconfigured as error:
        logger.error("email %s not sent, and no other can be: %s", claimed.email_id, error)
        return _retry(claimed, rendered, str(error), misconfigured=True)
    except Exception as error:
        # Whatever it is, also the job running out of time: the mail is not known to have gone.
        if not isinstance(error, TemporaryFailure):
            logger.exception("email %s could not be sent", claimed.email_id)
        return _retry(claimed, rendered, str(error) or type(error).__name__)
    return _mark(claimed, EmailState.SENT, rendered)


# What has become of it


def _retry(
    claimed: Claim, rendered: RenderedEmail, error: str, *, misconfigured: bool = False
) -> EmailState:
    waits = current_app.config["EMAIL_RETRY_SECONDS"]
    delay = timedelta(seconds=waits[min(claimed.attempt, len(waits)) - 1])
    if misconfigured:
        row = db.session.get_one(EmailMessage, claimed.email_id)
        gives_up = row.created_at < now() - MISCONFIGURED_GIVE_UP_AFTER
        delay = max(MISCONFIGURED_RETRY_AFTER, delay)
    else:
        gives_up = claimed.attempt > len(waits)
    if gives_up:
        return _mark(claimed, EmailState.FAILED, rendered, error=error)
    return _mark(
        claimed,
        EmailState.PENDING,
        rendered,
        error=error,
        next_try_at=now() + delay,
        needs_operator=misconfigured,
    )


def _mark(
    claimed: Claim,
    state: EmailState,
    rendered: RenderedEmail | None = None,
    *,
    error: str = "",
    next_try_at: datetime | None = None,
    needs_operator: bool = False,
) -> EmailState:
    """Record how an attempt ended, unless the mail has been claimed anew since."""
    values: dict[str, Any] = {
        "state": state,
        "last_error": error,
        "needs_operator": needs_operator,
    }
    if rendered is not None:
        values["subject"] = rendered.subject
    if next_try_at is not None:
        values["next_try_at"] = next_try_at
    if state == EmailState.SENT:
        values["sent_at"] = now()
    statement = (
        update(EmailMessage)
        .where(
            EmailMessage.id == claimed.email_id,
            EmailMessage.state == EmailState.SENDING,
            EmailMessage.attempts == claimed.attempt,
        )
        .values(**values)
        .returning(EmailMessage.message)
        .execution_options(synchronize_session=False)
    )
    kind = _insist(statement)
    level = logging.WARNING if state == EmailState.FAILED else logging.INFO
    told = (claimed.email_id, kind, state, claimed.attempt, f": {error}" if error else "")
    logger.log(level, "email %s (%s) %s, attempt %s%s", *told)
    if state == EmailState.SENT and claimed.attempt > 1:
        _wake_those_that_waited_for_the_operator()
    return state


def _insist(statement: ReturningUpdate[str]) -> str | None:
    """Run and commit `statement`, again if the database is busy: a second mail costs more."""
    for remaining in reversed(range(MARK_TRIES)):
        try:
            kind: str | None = db.session.scalar(statement)
            db.session.commit()
            return kind
        except OperationalError:
            db.session.rollback()
            if not remaining:
                raise
    return None


def bring_forward_what_waits_for_the_operator() -> None:
    """Have those that were put off for longer be tried soon, because some mail goes out.

    Not at once: what keeps them may be of theirs alone, and each try counts.
    """
    soon = now() + MISCONFIGURED_RETRY_AFTER
    db.session.execute(
        update(EmailMessage)
        .where(
            EmailMessage.state == EmailState.PENDING,
            EmailMessage.next_try_at > soon,
            EmailMessage.needs_operator,
        )
        .values(next_try_at=soon)
        .execution_options(synchronize_session=False)
    )
    db.session.commit()


def _wake_those_that_waited_for_the_operator() -> None:
    """Have the next sweep try what was waiting for what has evidently been mended."""
    db.session.execute(
        update(EmailMessage)
        .where(
            EmailMessage.state == EmailState.PENDING,
            EmailMessage.needs_operator,
            EmailMessage.next_try_at > now(),
        )
        .values(next_try_at=now())
        .execution_options(synchronize_session=False)
    )
    db.session.commit()
