"""Deliver one leased mail of the outbox: render it, send it and record the outcome.

Each step has its own transaction, because a mail server may be slow and a database lock must not
wait for it.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

from flask import current_app, g
from sqlalchemy import update
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.sql.dml import ReturningUpdate

from app.extensions import db
from app.kit.database import now
from app.kit.database.planning import without_index
from app.kit.mail.composing import compose
from app.kit.mail.email_message import EmailMessage, EmailState
from app.kit.mail.errors import Misconfigured, RefusedForGood, TemporaryFailure
from app.kit.mail.leases import Lease
from app.kit.mail.recipients import refuse_suppressed
from app.kit.mail.registry import Cancelled, RenderedEmail
from app.kit.mail.rendering import render
from app.kit.mail.transport import Transport

logger = logging.getLogger(__name__)

# An early retry is of no use until an operator fixes the cause.
MISCONFIGURED_RETRY_AFTER = timedelta(minutes=5)
MISCONFIGURED_GIVE_UP_AFTER = timedelta(days=3)
# This exceeds the retries of three days, so only a mail that kills its worker reaches it.
MOST_ATTEMPTS = 30
MARK_TRIES = 4


def send(lease: Lease, transport: Transport) -> EmailState:
    """Render and send a mail, and return its new state.

    Log lines in between carry the id of the request that caused the mail.
    """
    own_id = g.get("request_id", "")
    g.request_id = lease.request_id or own_id
    try:
        rendered = _render(lease)
        if isinstance(rendered, EmailState):
            return rendered
        return _hand_over(lease, rendered, transport)
    finally:
        g.request_id = own_id


def _render(lease: Lease) -> RenderedEmail | EmailState:
    if lease.attempt > MOST_ATTEMPTS:
        return _mark(lease, EmailState.FAILED, error="The worker dies of it.")
    try:
        row = db.session.get_one(EmailMessage, lease.email_id, populate_existing=True)
        # Rendering may end the links of earlier mails, so this comes first.
        refuse_suppressed(row.recipient)
        rendered = render(row)
        db.session.commit()
    except Cancelled as reason:
        db.session.rollback()
        return _mark(lease, EmailState.CANCELLED, error=str(reason))
    except SQLAlchemyError:
        # The database failed, not the mail, so the lease expires and the mail is tried again.
        db.session.rollback()
        raise
    except Exception as error:
        db.session.rollback()
        logger.exception("email %s cannot be rendered", lease.email_id)
        problem = f"The mail cannot be rendered: {type(error).__name__}"
        return _mark(lease, EmailState.FAILED, error=problem)
    return rendered


def _hand_over(lease: Lease, rendered: RenderedEmail, transport: Transport) -> EmailState:
    try:
        mime = compose(
            recipient=rendered.recipient,
            subject=rendered.subject,
            text=rendered.text,
            html=rendered.html,
            message_id=rendered.message_id,
            picture=rendered.picture,
        )
        transport.send(mime)
    except RefusedForGood as error:
        return _mark(lease, EmailState.FAILED, rendered, error=str(error))
    except Misconfigured as error:
        logger.error("email %s not sent, and no other can be: %s", lease.email_id, error)
        return _retry(lease, rendered, str(error), misconfigured=True)
    except Exception as error:
        # After any other error, a job timeout included, the mail may not have been sent.
        if not isinstance(error, TemporaryFailure):
            logger.exception("email %s could not be sent", lease.email_id)
        return _retry(lease, rendered, str(error) or type(error).__name__)
    return _mark(lease, EmailState.SENT, rendered)


# Outcome


def _retry(
    lease: Lease, rendered: RenderedEmail, error: str, *, misconfigured: bool = False
) -> EmailState:
    waits = current_app.config["EMAIL_RETRY_SECONDS"]
    delay = timedelta(seconds=waits[min(lease.attempt, len(waits)) - 1])
    if misconfigured:
        row = db.session.get_one(EmailMessage, lease.email_id)
        gives_up = row.created_at < now() - MISCONFIGURED_GIVE_UP_AFTER
        delay = max(MISCONFIGURED_RETRY_AFTER, delay)
    else:
        gives_up = lease.attempt > len(waits)
    if gives_up:
        return _mark(lease, EmailState.FAILED, rendered, error=error)
    return _mark(
        lease,
        EmailState.PENDING,
        rendered,
        error=error,
        next_try_at=now() + delay,
        needs_operator=misconfigured,
    )


def _mark(
    lease: Lease,
    state: EmailState,
    rendered: RenderedEmail | None = None,
    *,
    error: str = "",
    next_try_at: datetime | None = None,
    needs_operator: bool = False,
) -> EmailState:
    """Record the outcome of an attempt, unless another worker has leased the mail since."""
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
            EmailMessage.id == lease.email_id,
            EmailMessage.state == EmailState.SENDING,
            EmailMessage.attempts == lease.attempt,
        )
        .values(**values)
        .returning(EmailMessage.message)
        .execution_options(synchronize_session=False)
    )
    kind = _commit_with_retries(statement)
    level = logging.WARNING if state == EmailState.FAILED else logging.INFO
    told = (lease.email_id, kind, state, lease.attempt, f": {error}" if error else "")
    logger.log(level, "email %s (%s) %s, attempt %s%s", *told)
    if state == EmailState.SENT and lease.attempt > 1:
        # The cause is evidently fixed, so the next sweep tries the mails that waited for it.
        retry_misconfigured(now())
    return state


def _commit_with_retries(statement: ReturningUpdate[str]) -> str | None:
    """Run and commit `statement`, with retries, because losing the outcome sends a second mail."""
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


def retry_misconfigured(at: datetime) -> None:
    """Bring the mails that wait for the operator forward to `at`, because another mail was sent."""
    db.session.execute(
        update(EmailMessage)
        .where(
            # Few of the pending mails need an operator, and a partial index covers these.
            without_index(EmailMessage.state) == EmailState.PENDING,
            EmailMessage.next_try_at > at,
            EmailMessage.needs_operator,
        )
        .values(next_try_at=at)
        .execution_options(synchronize_session=False)
    )
    db.session.commit()
