"""Record imports in the audit trail."""

from __future__ import annotations

from typing import Any

from sqlalchemy import insert

from app.extensions import db
from app.kit import audit
from app.models import AuditEvent


def note(action: str, import_id: int, provenance: Any, **details: Any) -> None:
    """Add an action on an import to the audit trail; the caller commits."""
    columns = audit.values(action, by=None, **details) | provenance
    about = {"subject_type": "peopleimport", "subject_id": import_id, "subject_label": ""}
    db.session.execute(insert(AuditEvent), [columns | about])
