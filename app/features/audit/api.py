"""The audit trail in the API."""

from collections.abc import Sequence
from typing import Any

from marshmallow import fields
from sqlalchemy import select
from werkzeug.exceptions import NotFound

from app.extensions import db
from app.features.api import ApiSchema, Timestamp, api, lists, reads
from app.features.audit import tables
from app.kit.database.ids import among
from app.models import AuditEvent, Permission

TAGS = ["Audit trail"]


class AuditEventSchema(ApiSchema):
    """An event. It keeps the ids and names of users and rows that may be gone."""

    id = fields.Integer(required=True)
    at = Timestamp(required=True)
    action = fields.String(required=True)
    actor_id = fields.Integer(required=True, allow_none=True)
    actor_label = fields.String(required=True)
    impersonated_id = fields.Integer(required=True, allow_none=True, attribute="acting_as_id")
    impersonated_label = fields.String(required=True, attribute="acting_as_label")
    subject_type = fields.String(required=True)
    subject_id = fields.Integer(required=True, allow_none=True)
    subject_label = fields.String(required=True)
    changes = fields.Dict(
        keys=fields.String(),
        required=True,
        metadata={"description": "The changed values, each before and after."},
    )
    details = fields.Dict(keys=fields.String(), required=True)
    ip_address = fields.String(required=True, attribute="address")
    device = fields.String(required=True)
    request_id = fields.String(required=True)


def _load(rows: Sequence[Any]) -> list[AuditEvent]:
    """Return the events of a page with all their columns, of which lists have only some."""
    ids = [row.id for row in rows]
    query = select(AuditEvent).where(among(AuditEvent.id, ids))
    found = {event.id: event for event in db.session.scalars(query)}
    return [found[id_] for id_ in ids if id_ in found]


@api.get("/audit-events", tags=TAGS)
@reads(Permission.VIEW_AUDIT)
@lists(tables.events, AuditEventSchema, rows=_load)
def list_audit_events() -> list[Any]:
    """List the events of the audit trail.

    Newest first. The trail is searched for a limited time. So a page may have few items, or none,
    and a `next` that goes on.
    """
    return []


@api.get("/audit-events/<int:event_id>", tags=TAGS)
@reads(Permission.VIEW_AUDIT)
@api.response(200, AuditEventSchema)
def get_audit_event(event_id: int) -> AuditEvent:
    """Get an event of the audit trail."""
    event = db.session.get(AuditEvent, event_id)
    if event is None:
        raise NotFound
    return event
