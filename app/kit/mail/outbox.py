"""Getting mail out: offering rows of the outbox to the worker, and finding what is to be sent.

A mail is sent at least once. A crash between the server's yes and the row's `sent` gives a second
copy, with the same Message-ID.
"""

from __future__ import annotations

import logging
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any, cast

from flask import current_app
from sqlalchemy import ColumnElement, CursorResult, and_, delete, func, select, update

from app.extensions import db, is_sqlite
from app.kit import queue
from app.kit.database import now
from app.kit.mail import delivery, leases
from app.kit.mail.email_message import EmailMessage, EmailState
from app.kit.mail.transport import connect

logger = logging.getLogger(__name__)

# Seconds after which a job leaves the rest to the next one. With the mail at hand it has to end
# in the time that a worker has when it is told to.
DRAIN_BUDGET = 2
SWEEP_BUDGET = 12
SWEEP_LIMIT = 1000
PURGE_BATCH = 1000


def commit_and_notify(*rows: EmailMessage | None) -> None:
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
    if not is_sqlite():
        key = zlib.crc32(f"{message}\0{recipient}".encode(errors="replace"))
        db.session.execute(select(func.pg_advisory_xact_lock(key)))
    count = db.session.scalar(EmailMessage.count_since(recipient, message, now() - per))
    return (count or 0) >= limit


def cancel_for(user_ids: Sequence[int]) -> None:
    """Cancel the mails to these users that are still to be sent; the caller commits."""
    db.session.execute(
        update(EmailMessage)
        .where(EmailMessage.user_id.in_(user_ids), EmailMessage.state == EmailState.PENDING)
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
        claimed = leases.claim_again(claimant) or leases.claim_new(claimant)
        if claimed is not None and leases.is_any_new():
            queue.enqueue("drain_outbox")
        has_sent = False
        while claimed is not None:
            state = delivery.send(claimed, transport)
            taken += 1
            if state == EmailState.SENT and not has_sent:
                has_sent = True
                delivery.bring_forward_what_waits_for_the_operator()
            if not transport.is_reachable or time.monotonic() > until:
                queue.enqueue("drain_outbox")
                break
            claimed = leases.claim_new(claimant)
    return taken


def sweep(
    *,
    claimant: str = "",
    include_new: bool = False,
    is_stopping: Callable[[], bool] = lambda: False,
) -> int:
    """Send what is due over one connection and return how many mails were taken up.

    Due are mails that no worker took up, retries whose time has come, and mails whose worker
    died; first comes what `claimant` was sending when it did. With `include_new` mails that were
    just written count as due as well. Between any two comes one that was just written, if someone
    waits for it. Stops at the first sign that the mail server is away, when
    `is_stopping`, and after SWEEP_BUDGET seconds.
    """
    until = time.monotonic() + SWEEP_BUDGET
    at = now()
    query = EmailMessage.due(at)
    if include_new:
        query = select(EmailMessage.id).where(leases.may_be_claimed(at))
        query = query.order_by(EmailMessage.is_bulk, EmailMessage.id)
    ids = list(db.session.scalars(query.limit(SWEEP_LIMIT)))
    # Nothing may stay open while mails are sent: on SQLite it would shut out every writer.
    db.session.commit()
    taken = 0
    with connect() as transport:
        for claimed in _in_turn([*leases.left_by(claimant), *ids], claimant):
            delivery.send(claimed, transport)
            taken += 1
            if not transport.is_reachable or time.monotonic() > until or is_stopping():
                break
    if taken:
        logger.info("swept the outbox: %s of %s due mails taken up", taken, len(ids))
    return taken


def _in_turn(ids: Sequence[int], claimant: str) -> Iterator[leases.Lease]:
    """Claim the mails of `ids`, each when it is asked for."""
    for number, email_id in enumerate(ids):
        if number and (awaited := leases.claim_awaited(claimant)):
            yield awaited
        if claimed := leases.claim(email_id, claimant):
            yield claimed


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
