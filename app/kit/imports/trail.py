"""Record imports in the audit trail."""

from __future__ import annotations

from typing import Any

from sqlalchemy import insert

from app.kit import audit
from app.kit.audit import AuditEvent
from app.kit.audit.event import Actor
from app.kit.audit.followers import add_events
from app.kit.imports.kinds import kind_of
from app.kit.imports.models import ImportColumns

OF_TOKENS = ("token", "scopes")


def started_by(by: Actor) -> dict[str, Any]:
    """Return the provenance of a run, with the scopes of the token if a program starts it."""
    held = {} if by.scopes is None else {"token": by.token_name, "scopes": by.scopes}
    return audit.provenance(by) | held


def columns(row: ImportColumns) -> dict[str, Any]:
    """Return the columns of an event by the user who started the run."""
    return {name: value for name, value in row.provenance.items() if name not in OF_TOKENS}


def token_of(row: ImportColumns) -> dict[str, str]:
    """Return the detail of an event that names the token with which the run was started."""
    return {"token": row.provenance["token"]} if "token" in row.provenance else {}


def note(row: ImportColumns, verb: str, **details: Any) -> None:
    """Add an action on an import to the audit trail, with its provenance; the caller commits."""
    details |= token_of(row)
    values = audit.values(kind_of(row).events[verb], by=None, **details) | columns(row)
    about = {"subject_type": type(row).__name__.lower(), "subject_id": row.id, "subject_label": ""}
    add_events(insert(AuditEvent), [values | about])
