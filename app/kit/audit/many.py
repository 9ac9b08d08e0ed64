"""Record the same event for many rows."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from app.kit import audit
from app.kit.audit.event import Actor
from app.kit.database.ids import among


def record_all(action: str, rows: Sequence[Any], *, by: Actor | None, label: Any) -> None:
    """Add the same event for many rows of a model, in one statement. The caller commits.

    `label` is the column with the name of a row. The log gets a line for a single row alone.
    """
    if len(rows) == 1:
        audit.record(action, by=by, subject=rows[0], label=getattr(rows[0], label.key))
    elif rows:
        model = type(rows[0])
        subjects = select(model.id, label).where(among(model.id, [row.id for row in rows]))
        audit.record_each(audit.values(action, by=by), subjects, kind=model.__name__.lower())
