"""Provide optimistic locking: detect that another user changed a row since a form was opened."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from app.extensions import db
from app.kit.audit import AuditEvent

LONGEST = 500  # the most characters shown of one value


@dataclass(frozen=True)
class Difference:
    """A value as the form showed it, and as it is now."""

    name: str
    seen: str
    now: str


class EditConflict(Exception):
    """The row changed after the form was opened. Nothing was written.

    `by` and `at` name the actor and the time of the last change in the audit trail, if known.
    """

    def __init__(self, differences: list[Difference], by: str, at: datetime | None) -> None:
        super().__init__("it was changed since the form was opened")
        self.differences, self.by, self.at = differences, by, at


def snapshot(values: Mapping[str, object]) -> str:
    """Serialise the values that a page shows, for a hidden field of its form."""
    return json.dumps(_plain(values), ensure_ascii=False)


def ensure_unchanged(
    seen: str | None,
    values: Mapping[str, object],
    subject: Any,
    actions: Collection[str] | None = None,
) -> None:
    """Roll back and raise EditConflict if the values differ from the snapshot `seen`.

    The caller has locked the row of `subject`. Without a snapshot (None) nothing is compared. The
    snapshot comes from a browser, so one that cannot be read counts as changed. `actions` limits
    the actions that may have changed the values. By default these are all actions of the noun.
    """
    present = _plain(values)
    if seen is None or (noted := _read(seen)) == present:
        return
    differences = [
        Difference(name, noted.get(name, "unknown")[:LONGEST], value[:LONGEST])
        for name, value in present.items()
        if noted.get(name) != value
    ]
    last = _last_change(subject, actions)
    db.session.rollback()
    raise EditConflict(differences, *last)


def _plain(values: Mapping[str, object]) -> dict[str, str]:
    return {name: "" if value is None else str(value) for name, value in values.items()}


def _read(seen: str) -> dict[str, str]:
    try:
        noted = json.loads(seen)
    except (ValueError, RecursionError):
        return {}
    return _plain(noted) if isinstance(noted, dict) else {}


def _last_change(subject: Any, actions: Collection[str] | None) -> tuple[str, datetime | None]:
    kind = type(subject).__name__.lower()
    is_change = AuditEvent.action.startswith(f"{kind}.")
    if actions is not None:
        is_change = AuditEvent.action.in_(actions)
    event = db.session.execute(
        select(AuditEvent.actor_label, AuditEvent.at)
        .where(
            AuditEvent.subject_type == kind,
            AuditEvent.subject_id == subject.id,
            is_change,
        )
        .order_by(AuditEvent.id.desc())
        .limit(1)
    ).first()
    return (event[0], event[1]) if event else ("", None)
