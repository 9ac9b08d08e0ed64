"""Record the same event for many rows."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Select, insert, literal, select

from app.kit import audit
from app.kit.audit.event import Actor, AuditEvent
from app.kit.audit.followers import add_events
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
        record_each(audit.values(action, by=by), subjects, kind=model.__name__.lower())


def record_each(columns: Mapping[str, Any], subjects: Select[int, str], *, kind: str) -> None:
    """Add an event for each row of `subjects`, in one statement. The caller commits.

    `columns` is a result of `values`. `subjects` selects ids and labels, and `kind` names the kind
    of its rows.
    """
    types = AuditEvent.__table__.c
    same = {"subject_type": kind, **columns}
    given = [literal(value, types[name].type) for name, value in same.items()]
    names = ["subject_id", "subject_label", *same]
    rows = subjects.add_columns(*given)
    add_events(insert(AuditEvent).from_select(names, rows, include_defaults=False))
