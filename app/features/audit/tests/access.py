"""Describe the routes of this feature for the tests of all routes (tests/routes.py)."""

from sqlalchemy import select

from app.extensions import db
from app.kit import audit
from app.models import AuditEvent, Permission
from tests.routes import CONFIRMED
from tests.world import HOSTILE as TEXT
from tests.world import as_admin

ACCESS = {
    "account.activity": CONFIRMED,
    "admin.audit": Permission.VIEW_AUDIT,
    "admin.audit_event": Permission.VIEW_AUDIT,
    "admin.export_audit": Permission.VIEW_AUDIT,
}

OPEN_TO = {
    "account.activity": "impersonating",
}


def hostile_events(world):
    """Return every event, because other features may have added events with hostile texts."""
    user = world.make_user()
    audit.record("session.refused", by=None, by_label=TEXT, subject=user, reason=TEXT)
    audit.record("user.renamed", by=user, subject=world.admin, changes={TEXT: (TEXT, TEXT)})
    return list(db.session.scalars(select(AuditEvent.id)))


EVENTS = {
    "admin.export_audit": (
        "audit.exported",
        as_admin("/admin/audit/export.csv", form_at="/admin/audit"),
    ),
}
WITHOUT_API = {"admin.export_audit": "a file for people; programs read the list"}
SHARED = {"event_id": "every user who may see the trail sees all of it"}
HOSTILE = {"event_id": hostile_events}
CARDS = {Permission.VIEW_AUDIT: "Latest events"}
