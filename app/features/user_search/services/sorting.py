"""The orders of the user list, as walks along indexes.

An order is a list of parts. By role, there is a part for each role. By "last seen", there is one
for users who were seen and one for users who never were. Each part is read along an index, from
either end, so no page sorts the table.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, select

from app.extensions import db
from app.features.user_search.services.filters import NO_ROLE, Filters
from app.kit.tables.ordering import OrderPart
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
# The filters that an order's index can apply while it keeps the order.
_SERVED: dict[str, tuple[set[str], ...]] = {
    "created_at": ({"role", "created"}, {"status", "created"}),
    "role": ({"role", "created"},),
    "status": ({"status", "created"},),
    "last_seen_at": ({"seen"},),
}


def served(sort: str, names: set[str]) -> set[str] | None:
    """Return the filters that the index of an order serves, or None if it cannot serve all."""
    for some in _SERVED.get(sort.removeprefix("-"), ()):
        if names <= some:
            return names
    return None if names else set()


def parts(sort: str, filters: Filters, source: Any = COLUMNS) -> list[OrderPart]:
    """Return the parts of an order. `source` has the columns of all or of gathered users."""
    key, is_descending = sort.removeprefix("-"), sort.startswith("-")

    def part(name: str, key: str, *conditions: ColumnElement[bool], down: bool = True) -> OrderPart:
        return OrderPart(name, conditions, tuple(source[one] for one in _KEYS[key]), down)

    if key == "role":
        ids = _role_ids() if filters.role_id is None else [filters.role_id]
        found = [part(str(one), "created_at", source.role_id == (one or None)) for one in ids]
    elif key == "status":
        statuses = [filters.status] if filters.status else sorted(set(STATUSES) - {"deleted"})
        found = [part(status, "created_at", source.status == status) for status in statuses]
    elif key == "last_seen_at":
        at = source.last_seen_at
        found = [part("seen", key, at.is_not(None), down=is_descending)]
        if not filters.seen_from and not filters.seen_to:
            # Engines sort NULL differently. Here, "never" counts as longer ago than any time.
            found.insert(0, part("never", "id", at.is_(None)))
    else:
        return [part("", key, down=is_descending)]
    return found[::-1] if is_descending else found


def _role_ids() -> list[int]:
    by_name = select(Role.id).order_by(Role.name, Role.id)
    return [*db.session.scalars(by_name), NO_ROLE]
