"""The filters of the user list, and their conditions."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, time
from typing import Any

from sqlalchemy import ColumnElement

from app.features.user_search.services import matching
from app.kit.database.planning import without_index
from app.kit.tables import days
from app.kit.tables.asked import Asked
from app.models import User

NO_ROLE = 0  # stands for users without a role, in place of a role's id


@dataclass(frozen=True)
class Filters:
    """The filters of a user list. Days are whole days in UTC, the last one included.

    Deleted users are listed only if `status` is "deleted".
    """

    search: str = ""
    role_id: int | None = None
    status: str | None = None
    created_from: date | None = None
    created_to: date | None = None
    seen_from: date | None = None
    seen_to: date | None = None

    @staticmethod
    def of(asked: Asked) -> Filters:
        """Return the filters of a list, whose table has checked the values."""
        values = asked.values
        role = values.get("role")
        limits = ("created_from", "created_to", "seen_from", "seen_to")
        return Filters(
            search=asked.search,
            role_id=int(role) if role else None,
            status=values.get("status"),
            **{name: days.read(values.get(name, "")) for name in limits},
        )

    @property
    def is_empty(self) -> bool:
        return self == Filters()

    @property
    def names(self) -> set[str]:
        """The names of the active filters: search, start, role, status, created and seen.

        "search" stands for the words that the trigram index has. "start" stands for the shorter
        words, unless they are matched row by row.
        """
        short = matching.short_words(self.search)
        if short and (self.status == "deleted" or matching.are_few()):
            short = []
        given = {
            "search": matching.long_words(self.search),
            "start": short,
            "role": self.role_id is not None,
            "status": self.status,
            "created": self.created_from or self.created_to,
            "seen": self.seen_from or self.seen_to,
        }
        return {name for name, value in given.items() if value}

    def conditions(self, led_by: Collection[str] | None = None) -> list[ColumnElement[bool]]:
        """Return the conditions of the filters, for the `where` of a query of users.

        With `led_by`, SQLite may use the indexes of those filters only. It has no statistics on
        the values of a column, so it might choose a worse index.
        """

        def column(name: str, plain: Any) -> Any:
            return plain if led_by is None or name in led_by else without_index(plain)

        conditions: list[ColumnElement[bool]] = [
            User.deleted_at.is_not(None) if self.status == "deleted" else User.deleted_at.is_(None)
        ]
        if self.role_id is not None:
            # NO_ROLE is 0, and no role has this id.
            conditions.append(column("role", User.role_id) == (self.role_id or None))
        if self.status is not None:
            conditions.append(column("status", User.stored_status) == self.status)
        for name, plain, first, last in (
            ("created", User.created_at, self.created_from, self.created_to),
            ("seen", User.last_seen_at, self.seen_from, self.seen_to),
        ):
            if first is not None:
                conditions.append(column(name, plain) >= datetime.combine(first, time.min, UTC))
            if last is not None:
                conditions.append(column(name, plain) <= datetime.combine(last, time.max, UTC))
        conditions += matching.anywhere(
            self.search, is_leading=led_by is None or "search" in led_by
        )
        conditions += matching.short(
            self.search,
            is_leading="start" in led_by if led_by is not None else self.names == {"start"},
        )
        return conditions

    def only(self, name: str) -> Filters:
        """Return only the filter with one of the `names`, with which its fields begin."""
        if name == "start":
            return Filters(search=" ".join(matching.short_words(self.search)))
        kept = [one.name for one in fields(self) if one.name.partition("_")[0] == name]
        return Filters(**{field: getattr(self, field) for field in kept})
