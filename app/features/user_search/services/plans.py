"""Plan how to read a list: along an index in its order, or by its rarest filter and a sort."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import CTE, ColumnElement, FromClause, Select, column, func, select, table

from app.extensions import is_sqlite
from app.features.user_search.services import matching, sorting, totals
from app.features.user_search.services.filters import Filters
from app.features.user_search.services.sorting import ADDED, COLUMNS
from app.kit.tables.ordering import OrderPart
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


@dataclass(frozen=True)
class Plan:
    """The order of a list, and the query of its rows.

    `total` is None if the rows are gathered. Then each row carries two `counts`: of the rows that
    were read, and of the rows that are listed. If the first exceeds `most`, rows are missing.
    """

    sort: str
    parts: list[OrderPart]
    query: Select[Any]
    total: Total | None = None
    counts: Any = None
    most: int | None = None


def plans_for(filters: Filters, sort: str) -> Iterator[Plan]:
    """Yield plans for a list, best first. No plan reads or sorts more than some thousand rows.

    If the index of the order serves all filters, the plan walks it. Otherwise the rows are
    gathered and sorted, if some filter leaves few of them. The caller takes the next plan if the
    rows of one exceed its `most`.
    """
    served = sorting.served(sort, filters.names)
    if served is not None:
        yield _along(filters, sort, served, totals.of_served(filters))
    elif is_sqlite():
        yield from _plans_on_sqlite(filters, sort)
    else:
        yield from _plans_on_postgresql(filters, sort)


def _plans_on_sqlite(filters: Filters, sort: str) -> Iterator[Plan]:
    if "search" in filters.names:
        yield _few(filters, sort)
    rarest, total = totals.of_rarest(filters)
    if rarest:
        rows = select(*LISTED).where(*filters.conditions({rarest}))
        yield _gathered(filters, sort, rows.cte("gathered"))
    else:
        yield _many(filters, sort, total)


def _plans_on_postgresql(filters: Filters, sort: str) -> Iterator[Plan]:
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
    # Read just enough rows to know that there are too many.
    found = matching.matches(filters.search).limit(totals.FEWEST + 1)
    rows = select(*LISTED).where(
        COLUMNS.id.in_(select(FOUND.c.rowid)),
        *matching.short(filters.search, is_leading=False),
        *replace(filters, search="").conditions(set()),
    )
    ctes = (found.cte("found"), rows.cte("gathered"))
    return _gathered(filters, sort, *ctes, read=ALL_FOUND, most=totals.FEWEST)


def _gathered(
    filters: Filters,
    sort: str,
    *ctes: CTE,
    read: ColumnElement[int] = ALL_GATHERED,
    most: int | None = None,
) -> Plan:
    # MATERIALIZED stops the engine from walking the index of the order through the whole table.
    ctes = tuple(each.prefix_with("MATERIALIZED") for each in ctes)
    counts = select(read, ALL_GATHERED).add_cte(*ctes)
    query = select(GATHERED, read, ALL_GATHERED).add_cte(*ctes)
    parts = sorting.parts(sort, filters, GATHERED.c)
    return Plan(sort, parts, query, counts=counts, most=most)


def _many(filters: Filters, sort: str, total: Total) -> Plan:
    if filters.names & {"search", "start"}:
        return _added(filters, total)
    return _along(filters, sort, set(), total)


def _along(filters: Filters, sort: str, led_by: set[str], total: Total) -> Plan:
    query = select(*LISTED).where(*filters.conditions(led_by))
    return Plan(sort, sorting.parts(sort, filters), query, total)


def _added(filters: Filters, total: Total) -> Plan:
    """Read the matches of a search in the order of ids, newest first, without a sort."""
    if not is_sqlite() or "search" not in filters.names:
        return _along(filters, ADDED, set(), total)
    # The trigram index has its rows in the order of ids, so it is read until a page is full.
    found = matching.trigrams
    query = select(*LISTED).join_from(found, USERS, found.c.rowid == COLUMNS.id)
    query = query.where(
        matching.finds(filters.search),
        *matching.short(filters.search, is_leading=False),
        *replace(filters, search="").conditions(set()),
    )
    return Plan(ADDED, [OrderPart("", (), (found.c.rowid,), is_descending=True)], query, total)
