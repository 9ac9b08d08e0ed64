"""Getting mail out: offering rows of the outbox to the worker, sending them, and trying again.

A mail is sent at least once. A crash between the server's yes and the row's `sent` gives a second
copy, with the same Message-ID.
"""

from __future__ import annotations

import logging
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from flask import current_app, g
from sqlalchemy import ColumnElement, CursorResult, and_, delete, func, or_, select, update
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.sql.dml import ReturningUpdate

from app import emails, queue
from app.database import now
from app.emails import RenderedEmail
from app.extensions import db
from app.mail import Misconfigured, RefusedForGood, TemporaryFailure, Transport, compose, connect
from app.models import EmailMessage, User
from app.models.email_message import EmailState

logger = logging.getLogger(__name__)

# Until an operator mends the cause, coming back soon is of no use.
MISCONFIGURED_RETRY_AFTER = timedelta(minutes=5)
MISCONFIGURED_GIVE_UP_AFTER = timedelta(days=3)
# More than the retries of three days: only a mail that kills its worker gets there.
MOST_ATTEMPTS = 30

MARK_TRIES = 4
JOB_TIMEOUT = 90  # seconds that a task may spend on sending
# A claim this old belongs to a worker that died: no task lives longer than JOB_TIMEOUT.
LEASE = timedelta(seconds=JOB_TIMEOUT + 10)
# Seconds after which a job leaves the rest to the next one. With the mail at hand it has to end
# in the time that a worker has when it is told to.
DRAIN_BUDGET = 2
SWEEP_BUDGET = 8
SWEEP_LIMIT = 1000
PURGE_BATCH = 1000


def commit_and_offer(*rows: EmailMessage | None) -> None:
    """Commit the session and tell the worker of the mails in it.

    When Redis is away nothing is lost and nothing is raised: the sweeper finds the rows.
    """
    db.session.commit()
    if any(row is not None for row in rows):
        queue.enqueue("drain_outbox")


def is_throttled(recipient: str, message: str, limit: int, per: timedelta) -> bool:
    """Tell whether `limit` mails of this kind went to `recipient` within the period `per`.

    Holds a lock on the pair until the transaction ends, so that of two requests at once the
    second counts the first one's mail too. On SQLite a transaction that writes holds the only
    lock there is.
    """
    if db.engine.dialect.name == "postgresql":
        key = zlib.crc32(f"{message}\0{recipient}".encode(errors="replace"))
        db.session.execute(select(func.pg_advisory_xact_lock(key)))
    count = db.session.scalar(EmailMessage.count_since(recipient, message, now() - per))
    return (count or 0) >= limit


def cancel_for(user: User) -> None:
    """Cancel the mails to `user` that are still to be sent; the caller commits."""
    db.session.execute(
        update(EmailMessage)
        .where(EmailMessage.user_id == user.id, EmailMessage.state == EmailState.PENDING)
        .values(state=EmailState.CANCELLED, last_error="the account was deleted")
        .execution_options(synchronize_session=False)
    )


def statistics() -> dict[str, int]:
    """Return how many mails wait, how many failed, and how many were sent since midnight UTC."""
    midnight = now().replace(hour=0, minute=0, second=0, microsecond=0)
    state = EmailMessage.state
    # Each is counted in an index: a look at every mail there ever was takes longer each day.
    conditions = {
        "pending": state.in_([EmailState.PENDING, EmailState.SENDING]),
        "failed": state == EmailState.FAILED,
        "sent_today": EmailMessage.sent_at >= midnight,
    }
    counts = [
        select(func.count())
        .select_from(EmailMessage)
        .where(condition)
        .scalar_subquery()
        .label(name)
        for name, condition in conditions.items()
    ]
    return dict(db.session.execute(select(*counts)).one()._mapping)


def deliver(
    email_id: int, transport: Transport | None = None, *, claimant: str = ""
) -> EmailState | None:
    """Send one mail of the outbox and return the state it is in then.

    Returns None when there is nothing to do: it has gone, someone else has it, or its retry is
    not due. A `claimant` of which there never are two at once, such as a job, takes up again what
    it was sending when it died. Each step has a transaction of its own, because a mail server may
    be slow and a database lock must not wait for it.
    """
    claim = _claim(email_id, claimant)
    if claim is None:
        return None
    if transport is not None:
        return _send(claim, transport)
    with connect() as own:
        return _send(claim, own)


def drain(*, claimant: str = "") -> int:
    """Send what no worker has taken up yet over one connection; return how many mails that was.

    They are claimed one at a time, so that several workers share them: as soon as there is more
    than one, another is woken. First comes what `claimant` was sending when it died. After
    DRAIN_BUDGET seconds, or when the mail server is away, another job goes on, so that other work
    has its turn.
    """
    until = time.monotonic() + DRAIN_BUDGET
    taken = 0
    with connect() as transport:
        claim = _claim_again(claimant) or _claim_new(claimant)
        if claim is not None and _is_any_new():
            queue.enqueue("drain_outbox")
        while claim is not None:
            _send(claim, transport)
            taken += 1
            if not transport.is_reachable or time.monotonic() > until:
                queue.enqueue("drain_outbox")
                break
            claim = _claim_new(claimant)
    return taken


def sweep(*, include_new: bool = False, is_stopping: Callable[[], bool] = lambda: False) -> int:
    """Send what is due over one connection and return how many mails were taken up.

    Due are mails that no worker took up, retries whose time has come, and mails whose worker
    died. With `include_new` mails that were just written count as due as well. Stops at the
    first sign that the mail server is away, when `is_stopping`, and after SWEEP_BUDGET seconds.
    """
    until = time.monotonic() + SWEEP_BUDGET
    at = now()
    query = EmailMessage.due(at)
    if include_new:
        query = select(EmailMessage.id).where(_may_be_claimed(at)).order_by(EmailMessage.id)
    ids = list(db.session.scalars(query.limit(SWEEP_LIMIT)))
    # Nothing may stay open while mails are sent: on SQLite it would shut out every writer.
    db.session.commit()
    taken = 0
    with connect() as transport:
        for email_id in ids:
            state = deliver(email_id, transport)
            taken += state is not None
            if not transport.is_reachable or time.monotonic() > until or is_stopping():
                break
    if taken:
        logger.info("swept the outbox: %s of %s due mails taken up", taken, len(ids))
    return taken


def purge() -> int:
    """Delete mails that were sent or cancelled, and after longer those that failed.

    KEEP_SENT_EMAILS and KEEP_FAILED_EMAILS are days. Returns how many there were.
    """
    kept = current_app.config
    sent_before = now() - timedelta(days=kept["KEEP_SENT_EMAILS"])
    failed_before = now() - timedelta(days=kept["KEEP_FAILED_EMAILS"])
    state, created_at = EmailMessage.state, EmailMessage.created_at
    return sum(
        _purge(condition)
        for condition in (
            and_(state == EmailState.SENT, EmailMessage.sent_at < sent_before),
            and_(state == EmailState.CANCELLED, created_at < sent_before),
            and_(state == EmailState.FAILED, created_at < failed_before),
        )
    )


def _purge(condition: ColumnElement[bool]) -> int:
    """Delete a few at a time, because nobody else can write to SQLite meanwhile."""
    batch = select(EmailMessage.id).where(condition).limit(PURGE_BATCH)
    deleted = 0
    while True:
        result = db.session.execute(
            delete(EmailMessage).where(EmailMessage.id.in_(batch)),
            execution_options={"synchronize_session": False},
        )
        db.session.commit()
        count = cast("CursorResult[Any]", result).rowcount
        deleted += count
        if count < PURGE_BATCH:
            return deleted


def _may_be_claimed(at: datetime) -> ColumnElement[bool]:
    never_tried = and_(EmailMessage.state == EmailState.PENDING, EmailMessage.attempts == 0)
    due = and_(
        EmailMessage.state.in_([EmailState.PENDING, EmailState.SENDING]),
        EmailMessage.next_try_at <= at,
    )
    return or_(never_tried, due)


@dataclass(frozen=True)
class _Claim:
    """A mail that this worker may send now; a later claim has another attempt's number."""

    email_id: int
    attempt: int
    request_id: str


def _claim(email_id: int, claimant: str) -> _Claim | None:
    """Take a mail for this worker if it is new or due, or if `claimant` has it."""
    may_be_claimed = _may_be_claimed(now())
    if claimant:
        may_be_claimed = or_(may_be_claimed, _is_of(claimant))
    return _take(claimant, EmailMessage.id == email_id, may_be_claimed)


def _claim_again(claimant: str) -> _Claim | None:
    """Take up again what `claimant` was sending."""
    if not claimant:
        return None
    left = db.session.scalar(select(EmailMessage.id).where(_is_of(claimant)).limit(1))
    db.session.commit()
    return None if left is None else _claim(left, claimant)


def _claim_new(claimant: str) -> _Claim | None:
    """Take the mail that waits longest for its first try."""
    return _take(claimant, EmailMessage.id == EmailMessage.next_new().scalar_subquery())


def _is_any_new() -> bool:
    found = db.session.scalar(EmailMessage.next_new())
    db.session.commit()
    return found is not None


def _is_of(claimant: str) -> ColumnElement[bool]:
    return and_(EmailMessage.state == EmailState.SENDING, EmailMessage.claimed_by == claimant)


def _take(claimant: str, *which: ColumnElement[bool]) -> _Claim | None:
    """Claim a mail. The update decides who has it: of two workers, one changes no row."""
    at = now()
    taken = db.session.execute(
        update(EmailMessage)
        .where(*which)
        .values(
            state=EmailState.SENDING,
            attempts=EmailMessage.attempts + 1,
            claimed_at=at,
            claimed_by=claimant,
            next_try_at=at + LEASE,
        )
        .returning(EmailMessage.id, EmailMessage.attempts, EmailMessage.request_id)
        .execution_options(synchronize_session=False)
    ).first()
    db.session.commit()
    return None if taken is None else _Claim(*taken)


def _send(claim: _Claim, transport: Transport) -> EmailState:
    """Render and send a mail that is claimed, under the request id of the page that caused it."""
    own_id = g.get("request_id", "")
    g.request_id = claim.request_id or own_id
    try:
        rendered = _render(claim)
        if isinstance(rendered, EmailState):
            return rendered
        return _hand_over(claim, rendered, transport)
    finally:
        g.request_id = own_id


def _render(claim: _Claim) -> RenderedEmail | EmailState:
    if claim.attempt > MOST_ATTEMPTS:
        return _mark(claim, EmailState.FAILED, error="The worker dies of it.")
    try:
        row = db.session.get_one(EmailMessage, claim.email_id, populate_existing=True)
        rendered = emails.render(row)
        db.session.commit()
    except emails.Cancelled as reason:
        db.session.rollback()
        return _mark(claim, EmailState.CANCELLED, error=str(reason))
    except SQLAlchemyError:
        # The database is in trouble, not the mail: the claim runs out and it is tried again.
        db.session.rollback()
        raise
    except Exception as error:
        db.session.rollback()
        logger.exception("email %s cannot be rendered", claim.email_id)
        problem = f"The mail cannot be rendered: {type(error).__name__}"
        return _mark(claim, EmailState.FAILED, error=problem)
    return rendered


def _hand_over(claim: _Claim, rendered: RenderedEmail, transport: Transport) -> EmailState:
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
        return _mark(claim, EmailState.FAILED, rendered, error=str(error))
    except Misconfigured as error:
        logger.error("email %s not sent, and no other can be: %s", claim.email_id, error)
        return _retry(claim, rendered, str(error), misconfigured=True)
    except Exception as error:
        # Whatever it is, also the task running out of time: the mail is not known to have gone.
        if not isinstance(error, TemporaryFailure):
            logger.exception("email %s could not be sent", claim.email_id)
        return _retry(claim, rendered, str(error) or type(error).__name__)
    return _mark(claim, EmailState.SENT, rendered)


def _retry(
    claim: _Claim, rendered: RenderedEmail, error: str, *, misconfigured: bool = False
) -> EmailState:
    waits = current_app.config["EMAIL_RETRY_SECONDS"]
    delay = timedelta(seconds=waits[min(claim.attempt, len(waits)) - 1])
    if misconfigured:
        row = db.session.get_one(EmailMessage, claim.email_id)
        gives_up = row.created_at < now() - MISCONFIGURED_GIVE_UP_AFTER
        delay = max(MISCONFIGURED_RETRY_AFTER, delay)
    else:
        gives_up = claim.attempt > len(waits)
    if gives_up:
        return _mark(claim, EmailState.FAILED, rendered, error=error)
    return _mark(
        claim,
        EmailState.PENDING,
        rendered,
        error=error,
        next_try_at=now() + delay,
        needs_operator=misconfigured,
    )


def _mark(
    claim: _Claim,
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
            EmailMessage.id == claim.email_id,
            EmailMessage.state == EmailState.SENDING,
            EmailMessage.attempts == claim.attempt,
        )
        .values(**values)
        .returning(EmailMessage.message)
        .execution_options(synchronize_session=False)
    )
    kind = _insist(statement)
    level = logging.WARNING if state == EmailState.FAILED else logging.INFO
    reason = f": {error}" if error else ""
    logger.log(
        level,
        "email %s (%s) %s, attempt %s%s",
        *(claim.email_id, kind, state, claim.attempt, reason),
    )
    if state == EmailState.SENT and claim.attempt > 1:
        _wake_those_that_waited_for_the_operator()
    return state


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
