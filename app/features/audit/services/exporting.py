"""Export the audit trail as CSV, one part at a time, so its size does not matter."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import Text, cast

from app.extensions import db
from app.features.audit.services import finding, walking
from app.features.audit.services.filters import EventFilters
from app.kit import audit
from app.kit.audit.actions import ACTIONS
from app.kit.database import reading_only
from app.kit.tables.csv_cells import BYTE_ORDER_MARK, escape_formula, written
from app.models import AuditEvent, User

COLUMNS = (
    *("id", "at", "action", "what", "actor_id", "actor", "acting_as_id", "acting_as"),
    *("subject_type", "subject_id", "subject", "changes", "details"),
    *("address", "device", "request_id"),
)
# The columns to read, in this order. JSON columns are exported as stored, without parsing.
READ = (
    *walking.LISTED[:10],
    cast(AuditEvent.changes, Text),
    cast(AuditEvent.details, Text),
    AuditEvent.address,
    AuditEvent.device,
    AuditEvent.request_id,
)


def export(filters: EventFilters, *, by: User, noted: Mapping[str, str]) -> Iterator[str]:
    """Record the export, and return the lines of a CSV file with all earlier events.

    `noted` are the parameters of the list, for the event. Each part is read in its own
    transaction, so a slow client blocks no writer on SQLite.
    """
    until = finding.newest_id()
    audit.record("audit.exported", by=by, filters=dict(noted))
    db.session.commit()
    return _lines(filters, until)


def _lines(filters: EventFilters, until: int) -> Iterator[str]:
    reading_only.set(True)
    yield BYTE_ORDER_MARK + written([COLUMNS])
    for rows in finding.every(filters, until=until, columns=READ):
        db.session.rollback()
        yield written(map(_cells, rows))


def _cells(row: Any) -> tuple[Any, ...]:
    number, at, action, actor_id, actor, as_id, as_label, kind, subject_id, subject, *rest = row
    changes, details, address, device, request_id = rest
    return (
        *(number, at.isoformat(timespec="seconds"), action, ACTIONS.get(action, action)),
        *(actor_id, escape_formula(actor), as_id, escape_formula(as_label)),
        *(kind, subject_id, escape_formula(subject), _json(changes), _json(details)),
        *(address, escape_formula(device), escape_formula(request_id)),
    )


def _json(text: str) -> str:
    """Return the stored JSON, with `\\u` escapes replaced by the characters."""
    if text == "{}":
        return ""
    return escape_formula(
        json.dumps(json.loads(text), ensure_ascii=False) if "\\u" in text else text
    )
