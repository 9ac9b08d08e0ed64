"""Walk along an order from a cursor, in either direction (keyset pagination).

So the page with the millionth row costs as much as the first one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, tuple_

from app.extensions import db
from app.kit.tables import cursors
from app.kit.tables.cursors import Cursor
from app.kit.tables.ordering import OrderPart

PartRow = tuple[OrderPart, Any]  # a row that ends with the keys of the part that it is from


@dataclass(frozen=True)
class PageAsked:
    """The page to read: its order and size, and the cursor that it comes after or before."""

    sort: str
    per_page: int
    after: str = ""
    before: str = ""
    last: bool = False


@dataclass(frozen=True)
class Walked:
    """The rows of a page, and the cursors of the pages before and after it, or None."""

    rows: list[Any]
    before: str | None
    after: str | None


def walk(query: Select[Any], parts: Sequence[OrderPart], place: PageAsked) -> Walked:
    """Read a page of a query. Each row gets the keys of its part as last columns.

    Raises NotACursor.
    """
    start, is_backwards, count = None, place.last, place.per_page
    if place.after or place.before:
        kinds = {part.name: part.kinds() for part in parts}
        start = cursors.read(place.after or place.before, sort=place.sort, kinds=kinds)
        is_backwards = not place.after
    rows = _rows(query, parts, start, count + 1, is_backwards=is_backwards)
    if start is not None and (len(rows) <= count if is_backwards else not rows):
        # The end of the list is reached, so return a full first or last page.
        start, is_backwards = None, not is_backwards
        rows = _rows(query, parts, start, count + 1, is_backwards=is_backwards)
    has_more, rows = len(rows) > count, rows[:count]
    if is_backwards:
        rows.reverse()
    is_inside = start is not None
    has_before, has_after = (has_more, is_inside) if is_backwards else (is_inside, has_more)
    return walked(rows, place.sort, has_before=has_before, has_after=has_after)


def walked(rows: list[PartRow], sort: str, *, has_before: bool, has_after: bool) -> Walked:
    """Return rows with the cursors of their neighbours."""

    def cursor(part: OrderPart, row: Any) -> str:
        return cursors.write(sort, Cursor(part.name, tuple(row[-len(part.keys) :])))

    return Walked(
        [row for _part, row in rows],
        before=cursor(*rows[0]) if rows and has_before else None,
        after=cursor(*rows[-1]) if rows and has_after else None,
    )


def _rows(
    query: Select[Any],
    parts: Sequence[OrderPart],
    start: Cursor | None,
    count: int,
    *,
    is_backwards: bool,
) -> list[PartRow]:
    """Return up to `count` rows after `start`, in the direction of the walk."""
    parts = parts[::-1] if is_backwards else parts
    if start is not None:
        parts = parts[[part.name for part in parts].index(start.part) :]
    rows: list[PartRow] = []
    for part in parts:
        one = query.add_columns(*part.keys).where(*part.conditions)
        if start is not None and start.part == part.name:
            one = one.where(_beyond(part, start, is_backwards=is_backwards))
        one = one.order_by(*part.sorted_by(part.keys, is_backwards=is_backwards))
        rows += [(part, row) for row in db.session.execute(one.limit(count - len(rows)))]
        if len(rows) == count:
            break
    return rows


def _beyond(part: OrderPart, start: Cursor, *, is_backwards: bool) -> ColumnElement[bool]:
    given = zip(start.values, part.keys, strict=True)
    place: list[Any] = [bindparam(None, value, type_=key.type) for value, key in given]
    if len(place) == 1:
        here, there = part.keys[0], place[0]
    else:
        here, there = tuple_(*part.keys), tuple_(*place)
    return here < there if part.is_descending != is_backwards else here > there
