"""Send the deliveries that are due, and record how it went.

A delivery is sent at least once: a crash between the answer and its record sends it again, with
the same id. Each step has its own transaction, because a server may be slow.
"""

from __future__ import annotations

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import joinedload

from app.extensions import db
from app.features.webhooks import emails, leases, payloads, signing, targets
from app.features.webhooks.leases import DeliveryLease
from app.features.webhooks.models import DeliveryState, Webhook, WebhookDelivery, WebhookState
from app.kit import audit, queue
from app.kit.database import now
from app.kit.encryption import UnreadableSecret
from app.kit.fetching import ServerAway

logger = logging.getLogger(__name__)

# Seconds between the attempts, as Standard Webhooks recommends: three days in all.
WAITS = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
SUCCESS = range(200, 300)
GONE = 410  # the server asks for no more
HOLD = timedelta(minutes=1)  # between attempts at a server that does not answer
SLOW = timedelta(seconds=5)  # a server that takes longer to answer is held as long
BUDGET = 2  # seconds after which a job leaves the rest to the next one, so that mails have a turn


@dataclass(frozen=True)
class SignedMessage:
    """A delivery without its row, for a thread."""

    lease: DeliveryLease
    webhook_id: int
    url: str
    body: str
    headers: dict[str, str]


@dataclass(frozen=True)
class DeliveryOutcome:
    """The result of an attempt. The status is None if no answer came."""

    status: int | None = None
    answer: str = ""
    error: str = ""
    milliseconds: int | None = None

    @property
    def is_success(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def deliver() -> int:
    """Send what is due, several at once, and return the number of attempts.

    Servers that do not answer delay the others once, and are then left alone for a while.
    """
    until = time.monotonic() + BUDGET
    count, allows_private = 0, targets.are_private_hosts_allowed()
    with ThreadPoolExecutor(leases.AT_ONCE) as threads:
        while taken := leases.take():
            count += len(taken)
            messages = [one for one in map(_prepare, taken) if one is not None]
            outcomes = threads.map(partial(_send, allows_private=allows_private), messages)
            for message, outcome in zip(messages, outcomes, strict=True):
                record(message.lease, message.webhook_id, outcome)
            if time.monotonic() > until:
                if leases.is_any_due():
                    queue.enqueue("deliver_webhooks")
                break
    return count


def _prepare(lease: DeliveryLease) -> SignedMessage | None:
    """Return the message of a delivery. If there can be none, record why and return None."""
    row = db.session.scalar(
        select(WebhookDelivery)
        .where(WebhookDelivery.id == lease.delivery_id)
        .options(joinedload(WebhookDelivery.webhook), joinedload(WebhookDelivery.event))
        .execution_options(populate_existing=True)
    )
    if row is None:  # deleted meanwhile
        db.session.commit()
        return None
    webhook_id = row.webhook_id
    try:
        targets.ensure_allowed(row.webhook.url)
        body = payloads.body_of(row)
        headers = signing.headers(row.message_id, now(), body, signing.secrets_of(row.webhook))
        message = SignedMessage(lease, webhook_id, row.webhook.url, body, headers)
    except (targets.UrlRefused, UnreadableSecret) as error:
        db.session.commit()
        reason = str(error) or "The secret cannot be decrypted."
        record(lease, webhook_id, DeliveryOutcome(error=reason))
        return None
    except Exception:  # A message that cannot be written keeps no other one back.
        db.session.rollback()
        logger.exception("delivery %s of webhook %s was not written", lease.delivery_id, webhook_id)
        record(lease, webhook_id, DeliveryOutcome(error="The message could not be written."))
        return None
    db.session.commit()
    return message


def _send(message: SignedMessage, *, allows_private: bool) -> DeliveryOutcome:
    begun = time.monotonic()
    try:
        found = targets.post(
            message.url, message.body, message.headers, allows_private=allows_private
        )
    except ServerAway as reason:
        return DeliveryOutcome(error=f"The server {reason}.", milliseconds=_since(begun))
    answer = found.body.decode(errors="replace").replace("\0", "")
    error = "" if found.status in SUCCESS else f"The server answered {found.status}."
    return DeliveryOutcome(found.status, answer, error, _since(begun))


def _since(begun: float) -> int:
    return round((time.monotonic() - begun) * 1000)


# Outcome


def record(lease: DeliveryLease, webhook_id: int, outcome: DeliveryOutcome) -> None:
    """Record an attempt, unless another worker has leased the delivery since."""
    at = now()
    # The webhook is locked before its deliveries, as it is when it is deleted.
    of_webhook = select(Webhook.id).where(Webhook.id == webhook_id)
    db.session.execute(of_webhook.with_for_update(key_share=True))
    row = db.session.scalar(
        select(WebhookDelivery)
        .where(
            WebhookDelivery.id == lease.delivery_id,
            WebhookDelivery.state == DeliveryState.SENDING,
            WebhookDelivery.attempts == lease.attempt,
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if row is None:
        db.session.commit()
        return
    row.status, row.answer, row.error = outcome.status, outcome.answer, outcome.error
    row.milliseconds = outcome.milliseconds
    if outcome.is_success:
        row.state = DeliveryState.SENT
    elif outcome.status == GONE or row.attempts > len(WAITS) or row.event_id is None:
        row.state = DeliveryState.FAILED
    else:
        row.state = DeliveryState.PENDING
        row.next_try_at = at + timedelta(seconds=WAITS[row.attempts - 1])
    state, queued_at, is_test = row.state, row.queued_at, row.event_id is None
    _note(webhook_id, outcome, at)
    db.session.commit()
    told = (lease.delivery_id, webhook_id, state, lease.attempt, outcome.error)
    logger.info("delivery %s of webhook %s is %s, attempt %s %s", *told)
    if state == DeliveryState.FAILED and not is_test:
        _turn_off(webhook_id, outcome, since=queued_at)


def _note(webhook_id: int, outcome: DeliveryOutcome, at: datetime) -> None:
    """Note the state of the server with its webhook."""
    values: dict[str, Any] = {"held_until": _held_until(outcome, at)}
    if outcome.is_success:
        values |= {"succeeded_at": at, "failing_since": None}
    else:
        values["failing_since"] = func.coalesce(Webhook.failing_since, at)
    db.session.execute(
        update(Webhook)
        .where(Webhook.id == webhook_id)
        .values(**values)
        .execution_options(synchronize_session=False)
    )


def _held_until(outcome: DeliveryOutcome, at: datetime) -> datetime | None:
    """Return until when a server is left alone, so that a slow one does not delay all others."""
    if outcome.status is None:
        return at + HOLD
    took = timedelta(milliseconds=outcome.milliseconds or 0)
    return at + took if took >= SLOW else None


def _turn_off(webhook_id: int, outcome: DeliveryOutcome, *, since: datetime) -> None:
    """Turn off a webhook that nothing has reached since then, and mail administrators.

    A webhook that only some events fail to reach stays on.
    """
    how: Any = {"key_share": True}
    webhook = db.session.get(Webhook, webhook_id, with_for_update=how, populate_existing=True)
    has_worked = webhook is not None and webhook.succeeded_at and webhook.succeeded_at > since
    if webhook is None or webhook.state != WebhookState.ACTIVE:
        db.session.commit()
        return
    if has_worked and outcome.status != GONE:
        db.session.commit()
        return
    webhook.state, webhook.off_reason = WebhookState.OFF, outcome.error
    audit.record(
        "webhook.turned_off",
        by=None,
        subject=webhook,
        changes={"state": (WebhookState.ACTIVE.value, WebhookState.OFF.value)},
        error=outcome.error,
    )
    emails.send_webhook_turned_off(webhook)
    db.session.commit()
    queue.enqueue("drain_outbox")
