"""The users who own long operations. The kit knows no user, so the core registers their model."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, select

from app.extensions import db
from app.kit.operations.kinds import Stop
from app.kit.operations.models import LongOperation

_owners: list[Any] = []


def act_as(model: Any) -> None:
    """Register the model of the owners."""
    _owners.append(model)


def is_of_nobody(model: Any) -> ColumnElement[bool]:
    """Return the condition that the owner of an operation was purged."""
    condition: ColumnElement[bool] = model.actor_id.not_in(select(_owners[0].id))
    return condition


def owner(actor_id: int) -> Any:
    """Load the owner of an operation, and lock them against demotion and suspension.

    Raises Stop if they may no longer sign in.
    """
    options = {"of": _owners[0], "read": True}
    by = db.session.get(_owners[0], actor_id, populate_existing=True, with_for_update=options)
    if by is None or not by.is_active or not by.confirmed:
        raise Stop("actor_gone")
    return by


def reload(operation: LongOperation) -> Any | None:
    """Load the owner again, or return None if they or their impersonator may not sign in now."""
    actors = {
        actor_id: db.session.get(_owners[0], actor_id, populate_existing=True)
        for actor_id in operation.actor_ids
    }
    if not all(one and one.is_active and one.confirmed for one in actors.values()):
        return None
    return actors[operation.actor_id]
