"""Turn the text of the search box into conditions, each of which an index answers.

A part of a name or an email finds users, and through them their events. The beginning of a
recorded label, an IP address and a request id find events directly.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    bindparam,
    false,
    func,
    literal_column,
    or_,
    select,
)

from app.extensions import db
from app.features.audit.services.filters import EventFilters, network_address
from app.models import AuditEvent
from app.services import user_lookup

MOST_PEOPLE = 25
MOST_LABELS = 20
LAST_CHARACTER = "\U0010ffff"
REQUEST_ID = re.compile(r"[A-Za-z0-9-]{8,64}")

# A condition on the columns of the table, or of a subquery with some of its rows.
Condition = Callable[[Any], ColumnElement[bool]]


@dataclass(frozen=True)
class Source:
    """Events that match any of several conditions. An index lists each condition by id."""

    conditions: tuple[Condition, ...]
    # Whether no event can match two conditions.
    is_disjoint: bool = False

    def holds(self, columns: Any) -> ColumnElement[bool]:
        return or_(false(), *(condition(columns) for condition in self.conditions))


def sources(filters: EventFilters) -> tuple[list[Source], list[str]]:
    """Return the sources that every listed event must be in, and notices about omissions."""
    found: list[Source] = []
    notices: list[str] = []
    if filters.search:
        found.append(_searched(filters.search, notices))
    if filters.user_id is not None:
        found.append(Source(tuple(of_person(filters.user_id))))
    if filters.address:
        found.append(Source((equal("address", filters.address),)))
    if filters.actions:
        found.append(
            Source(tuple(equal("action", action) for action in filters.actions), is_disjoint=True)
        )
    return found, notices


def of_person(user_id: int) -> Iterable[Condition]:
    """Yield the conditions for a user as the actor, the impersonated user or the subject."""
    yield equal("actor_id", user_id)
    yield from about_person(user_id)


def about_person(user_id: int) -> Iterable[Condition]:
    """Yield the conditions for a user as the impersonated user or the subject."""
    yield equal("acting_as_id", user_id)
    yield lambda columns: and_(columns.subject_type == "user", columns.subject_id == user_id)


def _searched(text: str, notices: list[str]) -> Source:
    if address := network_address(text):
        return Source((equal("address", address),))
    conditions: list[Condition] = []
    if REQUEST_ID.fullmatch(text):
        conditions.append(equal("request_id", text))
    people = user_lookup.ids_matching(text, MOST_PEOPLE + 1)
    if len(people) > MOST_PEOPLE:
        notices.append(
            f"More than {MOST_PEOPLE} people match, so only some of their events are shown. "
            "Type more of the name or the address."
        )
    for user_id in people[:MOST_PEOPLE]:
        conditions.extend(of_person(user_id))
    # Emails are stored in lower case; other labels may begin with a capital.
    for name, beginnings in (
        ("actor_label", (text.lower(),)),
        ("subject_label", (text.lower(), text, text.capitalize())),
    ):
        conditions.extend(equal(name, label) for label in _labels(name, *beginnings))
    return Source(tuple(conditions))


def _labels(name: str, *beginnings: str) -> list[str]:
    """Return the first labels that begin with one of the texts."""
    found: list[str] = []
    for beginning in dict.fromkeys(beginnings):
        values = {"beginning": beginning, "end": beginning + LAST_CHARACTER}
        found.extend(db.session.scalars(_leap(name), values))
    return found[:MOST_LABELS]


def _leap(name: str) -> Select[Any]:
    """Return a query that jumps from label to label in a column's index (a loose index scan)."""
    column = getattr(AuditEvent, name)
    next_one = select(func.min(column)).where(
        column != literal_column("''"), column < bindparam("end")
    )
    first = next_one.where(column >= bindparam("beginning")).scalar_subquery()
    leap = select(first.label("label")).cte(recursive=True)
    following = next_one.where(column > leap.c.label).scalar_subquery()
    leap = leap.union_all(select(following).where(leap.c.label.is_not(None)))
    return select(leap.c.label).where(leap.c.label.is_not(None)).limit(MOST_LABELS)


def equal(name: str, value: Any) -> Condition:
    """Return the condition that a column equals a value."""

    # The partial indexes omit empty strings, so the query must state that the value is not one.
    def condition(columns: Any) -> ColumnElement[bool]:
        column = getattr(columns, name)
        same: ColumnElement[bool] = column == value
        return same & (column != literal_column("''")) if isinstance(value, str) else same

    return condition
