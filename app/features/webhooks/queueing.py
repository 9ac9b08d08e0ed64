"""Write a delivery for each event that a webhook wants, in the transaction of the event."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from sqlalchemy import CursorResult, event, exists, insert, literal, or_, select, update
from sqlalchemy.orm import Session

from app.extensions import db
from app.features.webhooks.models import (
    DeliveryState,
    Webhook,
    WebhookAction,
    WebhookDelivery,
    WebhookState,
)
from app.kit import queue
from app.kit.audit import AuditEvent
from app.kit.audit.followers import follow_events, follow_rewritten_events
from app.kit.database import now
from app.kit.database.ids import among

IS_QUEUED = "webhooks"  # key of session.info


@follow_events
def queue_events(event_ids: Sequence[int]) -> None:
    """Add the deliveries of these events. The caller commits them with its own change.

    The webhooks are locked, so that a request that deletes one waits, and cannot make this fail.
    """
    at = now()
    values: dict[str, Any] = {
        "webhook_id": Webhook.id,
        "event_id": AuditEvent.id,
        "action": AuditEvent.action,
        "state": literal(DeliveryState.PENDING.value),
        "attempts": literal(0),
        "answer": literal(""),
        "error": literal(""),
        **{name: literal(at, WebhookDelivery.created_at.type) for name in _TIMES},
    }
    chosen = exists().where(
        WebhookAction.webhook_id == Webhook.id, WebhookAction.action == AuditEvent.action
    )
    rows = (
        select(*values.values())
        .select_from(Webhook)
        .join(AuditEvent, among(AuditEvent.id, event_ids))
        .where(Webhook.state == WebhookState.ACTIVE, or_(Webhook.wants_all, chosen))
        .order_by(AuditEvent.id)
        .with_for_update(read=True, key_share=True, of=Webhook)
    )
    statement = insert(WebhookDelivery.__table__).from_select(list(values), rows)
    # The session is flushing, so the statement goes to its connection.
    added = cast("CursorResult[Any]", db.session.connection().execute(statement))
    if added.rowcount > 0:
        db.session.info[IS_QUEUED] = True


_TIMES = ("next_try_at", "created_at", "queued_at")


@event.listens_for(db.session, "after_commit")
def _notify(session: Session) -> None:
    """Notify the worker. If Redis is away, a sweep of the workers finds the rows."""
    if session.info.pop(IS_QUEUED, False):
        queue.enqueue("deliver_webhooks")


@event.listens_for(db.session, "after_rollback")
def _forget(session: Session) -> None:
    session.info.pop(IS_QUEUED, None)


@follow_rewritten_events
def forget_answers(event_ids: Sequence[int]) -> None:
    """Delete the answers to events of erased users, because a server may repeat what it got."""
    db.session.execute(
        update(WebhookDelivery)
        .where(among(cast(Any, WebhookDelivery.event_id), event_ids), WebhookDelivery.answer != "")
        .values(answer="")
        .execution_options(synchronize_session=False)
    )
