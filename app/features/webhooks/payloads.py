"""Write the body of a delivery."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from app.features.webhooks.models import WebhookDelivery
from app.kit.audit import ACTIONS, AuditEvent


def payload_of(delivery: WebhookDelivery) -> dict[str, Any]:
    """Return type, timestamp and data, as the audit trail has the event by now."""
    event = delivery.event
    if event is None:
        return {
            "type": delivery.action,
            "timestamp": rfc3339(delivery.created_at),
            "data": {"message": "This is a test.", "webhook": delivery.webhook.name},
        }
    return {"type": event.action, "timestamp": rfc3339(event.at), "data": data_of(event)}


def body_of(delivery: WebhookDelivery) -> str:
    return json.dumps(payload_of(delivery), separators=(",", ":"))


def data_of(event: AuditEvent) -> dict[str, Any]:
    """Return what the page of an event shows."""
    return {
        "id": event.id,
        "action": event.action,
        "label": ACTIONS.get(event.action, event.action),
        "at": rfc3339(event.at),
        "actor": _named(event.actor_id, event.actor_label),
        "impersonated": _named(event.acting_as_id, event.acting_as_label),
        "subject": _named(event.subject_id, event.subject_label, type=event.subject_type),
        "changes": {
            name: {"before": before, "after": after}
            for name, (before, after) in event.changes.items()
        },
        "details": event.details,
        "ip_address": event.address or None,
        "request_id": event.request_id or None,
    }


def rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _named(row_id: int | None, label: str, **more: str) -> dict[str, Any] | None:
    if row_id is None and not label and not any(more.values()):
        return None
    return {"id": row_id, "label": label, **more}
