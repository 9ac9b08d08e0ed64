"""The audit trail: noting who did what, in the transaction of what was done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from app import origin
from app.database import now
from app.extensions import db
from app.models import AuditEvent, AuditMaintenance, User
from app.services.audit.actions import ACTIONS

LABEL_LENGTH = 254


def record(
    action: str,
    *,
    by: User | None,
    subject: Any = None,
    label: str = "",
    changes: Mapping[str, tuple[Any, Any]] | None = None,
    **details: Any,
) -> None:
    """Add a deed to the trail; the caller commits it together with the deed itself.

    `by` is None for a command or the app itself. Whoever is signed in as someone else acts under
    both names. `subject` is the row that the deed was done to, which must have its id. `changes`
    has the value before and the one after under each name. No value may be a secret.
    """
    db.session.add(
        AuditEvent(**values(action, by=by, changes=changes, **details) | about(subject, label))
    )


def values(
    action: str,
    *,
    by: User | None,
    changes: Mapping[str, tuple[Any, Any]] | None = None,
    **details: Any,
) -> dict[str, Any]:
    """Return the columns of an event but those of its subject, for many rows at once."""
    if action not in ACTIONS:
        raise ValueError(f"{action} is not in ACTIONS")
    here = origin.current()
    actor = (by.impersonator or by) if by else None
    acting_as = by if actor is not by else None
    return {
        "at": now(),
        "action": action,
        "actor_id": actor.id if actor else None,
        "actor_label": actor.email if actor else "",
        "acting_as_id": acting_as.id if acting_as else None,
        "acting_as_label": acting_as.email if acting_as else "",
        "changes": {name: list(pair) for name, pair in (changes or {}).items()},
        "details": details,
        "address": here.address,
        "device": here.device,
        "request_id": here.request_id,
    }


def about(subject: Any, label: str = "") -> dict[str, Any]:
    """Return the columns that name what a deed was done to."""
    if subject is None:
        return {"subject_type": "", "subject_id": None, "subject_label": label[:LABEL_LENGTH]}
    name = label or getattr(subject, "email", "") or getattr(subject, "name", "")
    return {
        "subject_type": type(subject).__name__.lower(),
        "subject_id": subject.id,
        "subject_label": name[:LABEL_LENGTH],
    }


@contextmanager
def maintenance() -> Iterator[None]:
    """Let the present transaction change the trail until the end of the block.

    For retention only. The row that opens it is gone before the commit, and no other transaction
    ever sees it.
    """
    key = AuditMaintenance(id=1)
    db.session.add(key)
    db.session.flush()
    yield
    db.session.delete(key)
    db.session.flush()
