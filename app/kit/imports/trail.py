"""Record imports in the audit trail."""

from __future__ import annotations

from typing import Any

from sqlalchemy import insert

from app.kit import audit
from app.kit.audit import AuditEvent
from app.kit.audit.followers import add_events
from app.kit.imports.kinds import kind_of
from app.kit.imports.models import ImportColumns


def note(row: ImportColumns, verb: str, **details: Any) -> None:
    """Add an action on an import to the audit trail, with its provenance; the caller commits."""
    columns = audit.values(kind_of(row).events[verb], by=None, **details) | dict(row.provenance)
    about = {"subject_type": type(row).__name__.lower(), "subject_id": row.id, "subject_label": ""}
    add_events(insert(AuditEvent), [columns | about])
