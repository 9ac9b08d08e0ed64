"""Notify the worker of new mails, and send the mails of the outbox that are due.

A mail is sent at least once. A crash between the mail server's acceptance and the state `sent`
causes a second copy with the same Message-ID.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any, cast

from flask import current_app
from sqlalchemy import ColumnElement, CursorResult, and_, delete, func, select, update

from app.extensions import db
from app.kit import queue
from app.kit.database import now
from app.kit.database.turns import take_turns
from app.kit.mail import delivery, leases
from app.kit.mail.email_message import ON_THEIR_WAY, SENT_STATES, EmailMessage, EmailState
from app.kit.mail.transport import connect
from app.kit.outgoing import NOT_HELD

logger = logging.getLogger(__name__)

# Seconds after which a job leaves the remaining mails to the next job. The job and its current mail
# must end within the time that a worker has to stop.
DRAIN_BUDGET = 2
SWEEP_BUDGET = 12
SWEEP_LIMIT = 1000
PURGE_BATCH = 1000


def commit_and_notify(*rows: EmailMessage | None) -> None:
    """Commit the session and notify the worker of its mails.

    If Redis is unavailable, nothing is raised or lost, because the sweeper finds the rows.
    """
    db.session.commit()
    if any(row is not None for row in rows):
        queue.enqueue("drain_outbox")


def is_throttled(recipient: str, message: str, limit: int, per: timedelta) -> bool:
    """Return whether `limit` mails of this kind went to `recipient` within the period `per`.

    Requests take turns on the pair, so that a concurrent one counts the first one's mail too.
    """
    take_turns(f"{message}\0{recipient}")
    count = db.session.scalar(EmailMessage.count_since(recipient, message, now() - per))
    return (count or 0) >= limit


def cancel_for(user_ids: Sequence[int]) -> None:
    """Cancel the pending mails to these users. The caller commits."""
    db.session.execute(
        update(EmailMessage)
        .where(EmailMessage.user_id.in_(user_ids), EmailMessage.state == EmailState.PENDING)
        .values(state=EmailState.CANCELLED, last_error="the account was deleted")
        .execution_options(synchronize_session=False)
    )


def statistics() -> dict[str, int]:
    """Return the numbers of mails pending, failed, and sent since midnight UTC."""
    midnight = now().replace(hour=0, minute=0, second=0, microsecond=0)
    state = EmailMessage.state
    # Each count reads an index, because a scan of all mails gets slower each day.
    conditions = {
        "pending": state.in_(ON_THEIR_WAY),
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


def drain(*, holder: str = "") -> int:
    """Send the new mails over one connection, and return the number of mails.

    Mails are leased one at a time, so that several workers share them. If another new mail waits,
    another job is enqueued. The mail that `holder` was sending when it died comes first. After
    DRAIN_BUDGET seconds, or when the mail server is unreachable, this job enqueues the next one and
    ends, so that other jobs get their turn.
    """
    until = time.monotonic() + DRAIN_BUDGET
    taken = 0
    with connect() as transport:
        lease = leases.acquire_again(holder) or leases.acquire_new(holder)
        if lease is not None and leases.is_any_new():
            queue.enqueue("drain_outbox")
        has_sent = False
        while lease is not None:
            state = delivery.send(lease, transport)
            taken += 1
            if state == EmailState.SENT and not has_sent:
                has_sent = True
                # Not at once, because the cause may be theirs alone and each attempt counts.
                delivery.retry_misconfigured(now() + delivery.MISCONFIGURED_RETRY_AFTER)
            if not transport.is_reachable or time.monotonic() > until:
                queue.enqueue("drain_outbox")
                break
            lease = leases.acquire_new(holder)
    return taken


def sweep(
    *,
    holder: str = "",
    include_new: bool = False,
    is_stopping: Callable[[], bool] = lambda: False,
) -> int:
    """Send the due mails over one connection, and return the number of leased mails.

    A mail is due if no worker took it, if it is time for a retry, or if its worker died. The mail
    that `holder` was sending when it died comes first. With `include_new`, new mails are due too.
    Between two due mails, a new mail that is not part of a bulk action is sent. The sweep ends when
    the mail server is unreachable, when `is_stopping` returns true, or after SWEEP_BUDGET seconds.
    While mail is held, none is due.
    """
    until = time.monotonic() + SWEEP_BUDGET
    at = now()
    query = EmailMessage.due(at)
    if include_new:
        query = select(EmailMessage.id).where(leases.may_be_leased(at))
        query = query.order_by(EmailMessage.is_bulk, EmailMessage.id)
    ids = list(db.session.scalars(query.where(NOT_HELD).limit(SWEEP_LIMIT)))
    # No transaction may stay open while mails are sent: on SQLite it would block every writer.
    db.session.commit()
    taken = 0
    with connect() as transport:
        for lease in _in_turn([*leases.left_by(holder), *ids], holder):
            delivery.send(lease, transport)
            taken += 1
            if not transport.is_reachable or time.monotonic() > until or is_stopping():
                break
    if taken:
        logger.info("swept the outbox: %s of %s due mails taken up", taken, len(ids))
    return taken


def _in_turn(ids: Sequence[int], holder: str) -> Iterator[leases.Lease]:
    """Yield a lease for each mail of `ids`, taken only when it is requested."""
    for number, email_id in enumerate(ids):
        if number and (awaited := leases.acquire_awaited(holder)):
            yield awaited
        if lease := leases.acquire(email_id, holder):
            yield lease


def purge() -> int:
    """Delete old mails, and return the number of deleted rows.

    Sent and cancelled mails, and those that came back, are kept for KEEP_SENT_EMAILS days, failed
    mails for KEEP_FAILED_EMAILS days.
    """
    kept = current_app.config
    sent_before = now() - timedelta(days=kept["KEEP_SENT_EMAILS"])
    failed_before = now() - timedelta(days=kept["KEEP_FAILED_EMAILS"])
    state, created_at = EmailMessage.state, EmailMessage.created_at
    return sum(
        _purge(condition)
        for condition in (
            and_(state.in_(SENT_STATES), EmailMessage.sent_at < sent_before),
            and_(state == EmailState.CANCELLED, created_at < sent_before),
            and_(state == EmailState.FAILED, created_at < failed_before),
        )
    )


def _purge(condition: ColumnElement[bool]) -> int:
    """Delete mails in batches, because a SQLite transaction blocks every other writer."""
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
