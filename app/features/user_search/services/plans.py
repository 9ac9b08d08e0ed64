"""Plan how to read a list: along an index in its order, or by its rarest filter and a sort."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    FromClause,
    Select,
    bindparam,
    column,
    func,
    select,
    table,
    tuple_,
)

from app.extensions import is_sqlite
from app.features.user_search.services import matching, sorting, totals
from app.features.user_search.services.filters import Filters
from app.features.user_search.services.sorting import ADDED, COLUMNS, Segment
from app.kit.tables.cursors import Cursor
from app.kit.tables.totals import Total
from app.models import User
from app.services.user_list import UserRow

USERS: FromClause = User.__table__


LISTED = tuple(COLUMNS[name] for name in UserRow._fields)
# Tables that stand for the CTEs "gathered" and "found". SQLAlchemy would build the columns of a
# CTE for each query, which takes longer than running a query that finds few rows.
GATHERED = table("gathered", *(column(each.name, each.type) for each in LISTED))
FOUND = table("found", column("rowid", COLUMNS.id.type))


def _count_of(rows: FromClause) -> ColumnElement[int]:
    return select(func.count()).select_from(rows).scalar_subquery()


ALL_GATHERED, ALL_FOUND = _count_of(GATHERED), _count_of(FOUND)
THOSE_FOUND = select(*LISTED).where(COLUMNS.id.in_(select(FOUND.c.rowid)))


@dataclass(frozen=True)
class Plan:
    """The order, segments and source of a list.

    `total` is None if the rows are gathered. Then each row carries two `counts`: of the rows that
    were read, and of the rows that are listed. If the first exceeds `most`, rows are missing.
    """

    sort: str
    segments: list[Segment]
    source: FromClause
    conditions: Sequence[ColumnElement[bool]]
    columns: Any  # the columns of the rows, by name
    keys: Any
    total: Total | None
    ctes: Sequence[CTE] = ()
    counts: Sequence[ColumnElement[int]] = (ALL_GATHERED, ALL_GATHERED)
    most: int | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    _made: dict[tuple[str, int, bool], Select[Any]] = field(default_factory=dict)

    def part(
        self, segment: Segment, start: Cursor | None, count: int, *, is_backwards: bool
    ) -> Select[Any]:
        """Return the query for up to `count` rows of a segment, after `start` if it is in it."""
        which = (segment.name, count, is_backwards)
        if start is None and which in self._made:
            return self._made[which]
        query = self._part(segment, start, count, is_backwards=is_backwards)
        if start is None:
            self._made[which] = query
        return query

    def _part(
        self, segment: Segment, start: Cursor | None, count: int, *, is_backwards: bool
    ) -> Select[Any]:
        keys = [self.keys[key] for key in segment.keys]
        is_descending = segment.is_descending != is_backwards
        query = (
            select(*(self.columns[name] for name in UserRow._fields))
            .select_from(self.source)
            .add_cte(*self.ctes)
            .where(*self.conditions, *segment.conditions)
            .order_by(*(key.desc() if is_descending else key for key in keys))
            .limit(count)
        )
        if start is not None and start.segment == segment.name:
            given = zip(start.values, keys, strict=True)
            place = [bindparam(None, value, type_=key.type) for value, key in given]
            here, there = (keys[0], place[0]) if len(keys) == 1 else (tuple_(*keys), tuple_(*place))
            query = query.where(here < there if is_descending else here > there)
        return query if self.total else query.add_columns(*self.counts)


def ways(filters: Filters, sort: str) -> Iterator[Plan]:
    """Yield plans for a list, best first. No plan reads or sorts more than some thousand rows.

    If the index of the order serves all filters, the plan walks it. Otherwise the rows are
    gathered and sorted, if some filter leaves few of them. The caller takes the next plan if the
    rows of one exceed its `most`.
    """
    served = sorting.served(sort, filters.names)
    if served is not None:
        yield _along(filters, sort, served, totals.of_served(filters))
    elif is_sqlite():
        yield from _ways_on_sqlite(filters, sort)
    else:
        yield from _ways_on_postgresql(filters, sort)


def _ways_on_sqlite(filters: Filters, sort: str) -> Iterator[Plan]:
    if "search" in filters.names:
        yield _few(filters, sort)
    rarest, total = totals.of_rarest(filters)
    if rarest:
        rows = select(*LISTED).where(*filters.conditions({rarest}))
        yield _gathered(filters, sort, rows.cte("gathered"))
    else:
        yield _many(filters, sort, total)


def _ways_on_postgresql(filters: Filters, sort: str) -> Iterator[Plan]:
    # PostgreSQL knows which filter is the rarest, but cannot estimate how common a word is.
    leading = next(name for name in ("search", "start", *filters.names) if name in filters.names)
    rows = select(*LISTED).where(*filters.conditions({leading}))

    def gathered(most: int) -> Plan:
        return _gathered(filters, sort, rows.limit(most + 1).cte("gathered"), most=most)

    if matching.is_rare(filters.search):
        yield gathered(totals.FEWEST)
    most = totals.FEW if leading in {"search", "start"} else totals.CAP
    expected = totals.expected(filters)
    if expected <= 2 * most:
        yield gathered(most)
    yield _many(filters, sort, totals.of_expected(filters, expected))


def _few(filters: Filters, sort: str) -> Plan:
    """Gather the matches of a search without counting them first.

    A search often finds few rows, and counting takes as long as gathering.
    """
    query, patterns = matching.sought(filters.search)
    given = {"query": query, "enough": totals.FEWEST + 1}
    given |= {f"pattern_{number}": pattern for number, pattern in enumerate(patterns)}
    plan = _of_few(filters, sort, len(patterns))
    return replace(plan, parameters=given, most=totals.FEWEST)


def _of_few(filters: Filters, sort: str, patterns: int) -> Plan:
    conditions = matching.fits(
        bindparam("query"), [bindparam(f"pattern_{number}") for number in range(patterns)]
    )
    # Read just enough rows to know that there are too many.
    found = select(matching.trigrams.c.rowid).where(conditions).limit(bindparam("enough"))
    rows = THOSE_FOUND.where(
        *matching.short(filters.search, is_leading=False),
        *filters.without_search().conditions(set()),
    )
    plan = _gathered(filters, sort, found.cte("found"), rows.cte("gathered"))
    return replace(plan, counts=(ALL_FOUND, ALL_GATHERED))


def _gathered(filters: Filters, sort: str, *ctes: CTE, most: int | None = None) -> Plan:
    # MATERIALIZED stops the engine from walking the index of the order through the whole table.
    ctes = tuple(each.prefix_with("MATERIALIZED") for each in ctes)
    columns = GATHERED.c
    segments = sorting.segments(sort, filters, columns)
    return Plan(sort, segments, GATHERED, (), columns, columns, None, ctes=ctes, most=most)


def _many(filters: Filters, sort: str, total: Total) -> Plan:
    if filters.names & {"search", "start"}:
        return _added(filters, total)
    return _along(filters, sort, set(), total)


def _along(filters: Filters, sort: str, led_by: set[str], total: Total) -> Plan:
    conditions = filters.conditions(led_by)
    segments = sorting.segments(sort, filters)
    return Plan(sort, segments, USERS, conditions, COLUMNS, COLUMNS, total)


def _added(filters: Filters, total: Total) -> Plan:
    """Read the matches of a search in the order of ids, newest first, without a sort."""
    segments = sorting.segments(ADDED, filters)
    if not is_sqlite() or "search" not in filters.names:
        return Plan(ADDED, segments, USERS, filters.conditions(set()), COLUMNS, COLUMNS, total)
    # The trigram index has its rows in the order of ids, so it is read until a page is full.
    found = matching.trigrams
    source = found.join(USERS, found.c.rowid == COLUMNS.id)
    conditions = [
        matching.finds(filters.search),
        *matching.short(filters.search, is_leading=False),
        *filters.without_search().conditions(set()),
    ]
    keys = {"id": found.c.rowid}
    return Plan(ADDED, segments, source, conditions, COLUMNS, keys, total)
