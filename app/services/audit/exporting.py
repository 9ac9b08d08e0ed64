"""The trail as a CSV file, a few hundred events at a time, however many there are."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from typing import Any

from app.database import reading_only
from app.extensions import db
from app.models import User
from app.services.audit import finding
from app.services.audit.actions import ACTIONS
from app.services.audit.filters import Filters
from app.services.audit.recording import record
from app.services.csv_cells import neutral

MARK = "\ufeff"
COLUMNS = (
    *("id", "at", "action", "what", "actor_id", "actor", "acting_as_id", "acting_as"),
    *("subject_type", "subject_id", "subject", "changes", "details"),
    *("address", "device", "request_id"),
)


def export(filters: Filters, *, by: User) -> Iterator[str]:
    """Note the export, and return the lines of a file with the events there were before it.

    Each part is read in a transaction of its own: on SQLite nobody waits for who reads slowly.
    """
    until = finding.newest_id()
    record("audit.exported", by=by, filters=filters.to_query())
    db.session.commit()
    return _lines(filters, until)


def _lines(filters: Filters, until: int) -> Iterator[str]:
    reading_only.set(True)
    # Excel takes a file without the mark for one in Windows-1252.
    yield MARK + _written([COLUMNS])
    for rows in finding.every(filters, until=until):
        db.session.rollback()
        yield _written(map(_cells, rows))


def _cells(row: Any) -> list[str]:
    values = (
        *(row.id, row.at.isoformat(timespec="seconds"), row.action),
        ACTIONS.get(row.action, row.action),
        *(row.actor_id, row.actor_label, row.acting_as_id, row.acting_as_label),
        *(row.subject_type, row.subject_id, row.subject_label),
        *(_json(row.changes), _json(row.details)),
        *(row.address, row.device, row.request_id),
    )
    return ["" if value is None else neutral(str(value)) for value in values]


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False) if value else ""


def _written(rows: Iterable[Iterable[str]]) -> str:
    written = io.StringIO()
    csv.writer(written).writerows(rows)
    return written.getvalue()
