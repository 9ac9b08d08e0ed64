"""What the audit trail has of imports, and who it says did it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import insert

from app.extensions import db
from app.models import AuditEvent, User
from app.services import audit

PROVENANCE = (
    "actor_id",
    "actor_label",
    "acting_as_id",
    "acting_as_label",
    "address",
    "device",
    "request_id",
)


def provenance(by: User) -> dict[str, Any]:
    """Return the columns that say who acts, as whom and from where: a job has them from its row."""
    columns = audit.values("import.started", by=by)
    return {name: columns[name] for name in PROVENANCE}


def note(action: str, import_id: int, provenance: Any, **details: Any) -> None:
    """Add what was done with an import to the audit trail; the caller commits."""
    columns = audit.values(action, by=None, **details) | provenance
    about = {"subject_type": "import", "subject_id": import_id, "subject_label": ""}
    db.session.execute(insert(AuditEvent), [columns | about])
