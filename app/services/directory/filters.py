"""What narrows the list of people, as an address, a form and a job write it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from sqlalchemy import ColumnElement, select

from app.extensions import db
from app.models import Role, User
from app.models.user import STATUSES
from app.services.directory import matching

NO_ROLE = 0  # in place of a role's id: people who have none
DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


@dataclass(frozen=True)
class Filters:
    """Whom a list holds. Days are whole days in UTC, the last one included.

    Who is deleted is in a list only when `status` asks for it.
    """

    search: str = ""
    role_id: int | None = None
    status: str | None = None
    created_from: date | None = None
    created_to: date | None = None
    seen_from: date | None = None
    seen_to: date | None = None

    @property
    def is_empty(self) -> bool:
        return self == Filters()

    def conditions(self) -> list[ColumnElement[bool]]:
        """Return what the users in the list fulfil, for the `where` of a query of users."""
        conditions: list[ColumnElement[bool]] = [
            User.deleted_at.is_not(None) if self.status == "deleted" else User.deleted_at.is_(None)
        ]
        if self.role_id is not None:
            conditions.append(User.role_id == (self.role_id or None))
        if self.status is not None:
            conditions.append(User.stored_status == self.status)
        for column, first, last in (
            (User.created_at, self.created_from, self.created_to),
            (User.last_seen_at, self.seen_from, self.seen_to),
        ):
            if first is not None:
                conditions.append(column >= datetime.combine(first, time.min, UTC))
            if last is not None:
                conditions.append(column <= datetime.combine(last, time.max, UTC))
        return conditions + matching.conditions(self.search)

    def to_query(self) -> dict[str, str]:
        """Return the filters as an address has them; what does not narrow is left out."""
        days = {
            "created_from": self.created_from,
            "created_to": self.created_to,
            "seen_from": self.seen_from,
            "seen_to": self.seen_to,
        }
        query = {name: day.isoformat() for name, day in days.items() if day is not None}
        if self.search:
            query["search"] = self.search
        if self.role_id is not None:
            query["role"] = str(self.role_id)
        if self.status is not None:
            query["status"] = self.status
        return query

    @staticmethod
    def from_query(query: Mapping[str, str]) -> tuple[Filters, list[str]]:
        """Read what `to_query` wrote. What makes no sense is left out, and a sentence says so."""
        notices: list[str] = []
        created = _days(query, "created", "joined", notices)
        seen = _days(query, "seen", "were last seen", notices)
        filters = Filters(
            search=" ".join(query.get("search", "").replace("\0", "").split())[
                : matching.LONGEST_SEARCH
            ].rstrip(),
            role_id=_role_id(query.get("role", ""), notices),
            status=_status(query.get("status", ""), notices),
            created_from=created[0],
            created_to=created[1],
            seen_from=seen[0],
            seen_to=seen[1],
        )
        return filters, notices


def _role_id(given: str, notices: list[str]) -> int | None:
    if not given:
        return None
    if given.isascii() and given.isdigit() and len(given) < 10:
        known = select(Role.id).where(Role.id == int(given))
        if int(given) == NO_ROLE or db.session.scalar(known) is not None:
            return int(given)
    notices.append("There is no such role, so people of every role are shown.")
    return None


def _status(given: str, notices: list[str]) -> str | None:
    if not given or given in STATUSES:
        return given or None
    notices.append("There is no such status, so people of every status are shown.")
    return None


def _days(
    query: Mapping[str, str], name: str, deed: str, notices: list[str]
) -> tuple[date | None, date | None]:
    given = [query.get(f"{name}_{end}", "") for end in ("from", "to")]
    first, last = (_day(text) for text in given)
    if any(text and day is None for text, day in zip(given, (first, last), strict=True)):
        notices.append(
            f"A day when people {deed} is not a date like 2026-01-31, so it is left out."
        )
    if first and last and first > last:
        notices.append(f"The days when people {deed} end before they begin, so both are left out.")
        return None, None
    return first, last


def _day(text: str) -> date | None:
    if not DAY.fullmatch(text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
