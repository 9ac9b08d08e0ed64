"""Record imports in the audit trail."""

from __future__ import annotations

from typing import Any

from sqlalchemy import insert

from app.extensions import db
from app.kit import audit
from app.kit.audit import AuditEvent
from app.kit.imports.kinds import ImportKind


def note(kind: ImportKind, import_id: int, provenance: Any, verb: str, **details: Any) -> None:
    """Add an action on an import to the audit trail; the caller commits."""
    columns = audit.values(kind.events[verb], by=None, **details) | dict(provenance)
    subject_type = kind.model.__name__.lower()
    about = {"subject_type": subject_type, "subject_id": import_id, "subject_label": ""}
    db.session.execute(insert(AuditEvent), [columns | about])
