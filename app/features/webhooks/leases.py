"""Lease deliveries to one worker at a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, and_, or_, select, update

from app.extensions import db
from app.features.webhooks.models import DeliveryState, Webhook, WebhookDelivery, WebhookState
from app.kit.database import now
from app.kit.outgoing import NOT_HELD

AT_ONCE = 16
TIMEOUT = 60  # seconds that a job may take
# A lease this old belongs to a dead worker, because no job lives longer than TIMEOUT.
LEASE = timedelta(seconds=TIMEOUT + 10)


@dataclass(frozen=True)
class DeliveryLease:
    """A worker's temporary hold on a delivery. A later lease has a higher attempt number."""

    delivery_id: int
    attempt: int


def take() -> list[DeliveryLease]:
    """Lease the deliveries that have been due for longest."""
    at = now()
    ids = list(
        db.session.scalars(
            _due(at)
            .order_by(WebhookDelivery.next_try_at, WebhookDelivery.id)
            .limit(AT_ONCE)
            .with_for_update(skip_locked=True, of=WebhookDelivery)
        )
    )
    if not ids:
        db.session.commit()
        return []
    # SQLite locks no rows, so the update decides which worker gets a delivery.
    taken = db.session.execute(
        update(WebhookDelivery)
        .where(WebhookDelivery.id.in_(ids), _is_open(at))
        .values(
            state=DeliveryState.SENDING,
            attempts=WebhookDelivery.attempts + 1,
            tried_at=at,
            next_try_at=at + LEASE,
        )
        .returning(WebhookDelivery.id, WebhookDelivery.attempts)
        .execution_options(synchronize_session=False)
    ).all()
    db.session.commit()
    return [DeliveryLease(*row) for row in sorted(taken)]


def is_any_due() -> bool:
    found = db.session.scalar(_due(now()).limit(1))
    db.session.commit()
    return found is not None


def _due(at: datetime) -> Select[int]:
    """Select the deliveries that may begin. Tests go to webhooks in each state."""
    begins = and_(
        Webhook.state == WebhookState.ACTIVE,
        or_(Webhook.held_until.is_(None), Webhook.held_until <= at),
    )
    return (
        select(WebhookDelivery.id)
        .join(WebhookDelivery.webhook)
        .where(_is_open(at), or_(begins, WebhookDelivery.event_id.is_(None)))
    )


def _is_open(at: datetime) -> ColumnElement[bool]:
    """Return the condition that a delivery is new, due again, or left by a dead worker.

    While messages to others are held, none is.
    """
    return and_(
        NOT_HELD,
        WebhookDelivery.state.in_([DeliveryState.PENDING, DeliveryState.SENDING]),
        WebhookDelivery.next_try_at <= at,
    )
