"""The orders of the user list, as walks along indexes.

An order is a list of segments. By role, there is a segment for each role. By "last seen", there is
one for users who were seen and one for users who never were. Each segment is read along an index,
from either end, so no page sorts the table.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, select

from app.extensions import db
from app.features.user_search.services.filters import NO_ROLE, Filters
from app.models import Role, User
from app.models.user import STATUSES

DEFAULT_SORT = "-created_at"
SORTS = ("name", "email", "role", "status", "created_at", "last_seen_at")
ADDED = "-id"  # the order of the trigram index, newest first

COLUMNS = User.__table__.c
_KEYS = {
    "name": ("last_name", "first_name", "id"),
    "email": ("email", "id"),
    "created_at": ("created_at", "id"),
    "last_seen_at": ("last_seen_at", "id"),
    "id": ("id",),
}
_KINDS = {"id": int, "created_at": datetime, "last_seen_at": datetime}
# The filters that an order's index can apply while it keeps the order.
_SERVED: dict[str, tuple[set[str], ...]] = {
    "created_at": ({"role", "created"}, {"status", "created"}),
    "role": ({"role", "created"},),
    "status": ({"status", "created"},),
    "last_seen_at": ({"seen"},),
}


@dataclass(frozen=True)
class Segment:
    """A part of a list: the rows under `conditions`, in the order of `keys`, the id last."""

    name: str
    conditions: tuple[ColumnElement[bool], ...]
    keys: tuple[str, ...]
    is_descending: bool

    def kinds(self) -> tuple[type, ...]:
        """Return the Python type of each key."""
        return tuple(_KINDS.get(key, str) for key in self.keys)


def served(sort: str, names: set[str]) -> set[str] | None:
    """Return the filters that the index of an order serves, or None if it cannot serve all."""
    for some in _SERVED.get(sort.removeprefix("-"), ()):
        if names <= some:
            return names
    return None if names else set()


def segments(sort: str, filters: Filters, source: Any = COLUMNS) -> list[Segment]:
    """Return the segments of an order. `source` has the columns of all or of gathered users."""
    key, is_descending = sort.removeprefix("-"), sort.startswith("-")
    if key == "role":
        found = _by_role(filters.role_id, source)
    elif key == "status":
        found = _by_status(filters.status, source)
    elif key == "last_seen_at":
        found = _by_last_seen(filters, source, is_descending=is_descending)
    else:
        return [Segment("", (), _KEYS[key], is_descending)]
    return found[::-1] if is_descending else found


def _newest_first(name: str, condition: ColumnElement[bool]) -> Segment:
    return Segment(name, (condition,), _KEYS["created_at"], is_descending=True)


def _by_role(only: int | None, source: Any) -> list[Segment]:
    by_name = select(Role.id).order_by(Role.name, Role.id)
    role_ids = [only] if only is not None else [*db.session.scalars(by_name), NO_ROLE]
    return [_newest_first(str(role), source.role_id == (role or None)) for role in role_ids]


def _by_status(only: str | None, source: Any) -> list[Segment]:
    statuses = [only] if only else sorted(set(STATUSES) - {"deleted"})
    return [_newest_first(status, source.status == status) for status in statuses]


def _by_last_seen(filters: Filters, source: Any, *, is_descending: bool) -> list[Segment]:
    at = source.last_seen_at
    seen = Segment("seen", (at.is_not(None),), _KEYS["last_seen_at"], is_descending)
    if filters.seen_from or filters.seen_to:
        return [seen]
    # Engines sort NULL differently. Here, "never" counts as longer ago than any time.
    return [Segment("never", (at.is_(None),), _KEYS["id"], is_descending=True), seen]
