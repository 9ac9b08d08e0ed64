"""Count the troubles of webhooks, and delete old deliveries."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, cast

from flask import current_app
from sqlalchemy import CursorResult, delete, func, select, update

from app.extensions import db
from app.features.webhooks.models import (
    SECRETS,
    DeliveryState,
    Webhook,
    WebhookDelivery,
    WebhookState,
)
from app.kit.database import now
from app.kit.database.pauses import let_others_write
from app.kit.outgoing import NOT_HELD

OVERDUE = timedelta(minutes=15)
PURGE_BATCH = 1_000
ON_THEIR_WAY = (DeliveryState.PENDING, DeliveryState.SENDING)
EXAMINED = 1_000  # secrets that the check of `doctor` decrypts


def count_troubles() -> dict[str, int]:
    """Return the numbers of webhooks that are off, and of active ones that fail."""
    rows = db.session.execute(
        select(Webhook.state, func.count())
        .where((Webhook.state == WebhookState.OFF) | Webhook.failing_since.is_not(None))
        .group_by(Webhook.state)
    ).all()
    counts = dict(iter(rows))
    return {"off": counts.get(WebhookState.OFF, 0), "failing": counts.get(WebhookState.ACTIVE, 0)}


def count_overdue() -> int:
    """Return how many deliveries no worker has taken, although they are due for a while."""
    at = now()
    query = (
        select(func.count())
        .select_from(WebhookDelivery)
        .join(WebhookDelivery.webhook)
        .where(
            WebhookDelivery.state.in_(ON_THEIR_WAY),
            WebhookDelivery.next_try_at < at - OVERDUE,
            Webhook.state == WebhookState.ACTIVE,
            Webhook.failing_since.is_(None),
            NOT_HELD,
        )
    )
    return db.session.scalar(query) or 0


def count_waiting() -> int:
    """Return how many deliveries wait, or are in the hands of a worker."""
    query = select(func.count()).select_from(WebhookDelivery)
    return db.session.scalar(query.where(WebhookDelivery.state.in_(ON_THEIR_WAY))) or 0


def cancel_older(before: datetime) -> int:
    """Fail the deliveries that were queued before a time and did not go out. The caller commits."""
    result = db.session.execute(
        update(WebhookDelivery)
        .where(WebhookDelivery.state.in_(ON_THEIR_WAY), WebhookDelivery.queued_at < before)
        .values(state=DeliveryState.FAILED, error="An operator cancelled it after a restore.")
        .execution_options(synchronize_session=False)
    )
    return cast("CursorResult[Any]", result).rowcount


def count_unreadable() -> int:
    """Return how many of the newest secrets no key of the settings decrypts."""
    newest = select(Webhook).order_by(Webhook.id.desc()).limit(EXAMINED)
    rows = db.session.scalars(newest)
    return sum(not SECRETS.can_read(one.encrypted, one.id) for one in rows)


def purge() -> int:
    """Delete deliveries after KEEP_WEBHOOK_DELIVERIES days, and return their number."""
    before = now() - timedelta(days=current_app.config["KEEP_WEBHOOK_DELIVERIES"])
    old = select(WebhookDelivery.id).where(
        WebhookDelivery.created_at < before, WebhookDelivery.queued_at < before
    )
    deleted = 0
    while True:
        result = db.session.execute(
            delete(WebhookDelivery).where(WebhookDelivery.id.in_(old.limit(PURGE_BATCH))),
            execution_options={"synchronize_session": False},
        )
        db.session.commit()
        count = cast("CursorResult[Any]", result).rowcount
        deleted += count
        if count < PURGE_BATCH:
            return deleted
        let_others_write()
