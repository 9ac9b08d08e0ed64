"""The state of a list in its URL: search, filters, order, columns, page size and page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import ColumnElement
from werkzeug.datastructures import MultiDict

from app.kit.database import whole_number
from app.kit.tables import search
from app.kit.tables.columns import Column
from app.kit.tables.table import PER_PAGE_CHOICES, Table

HIGHEST_PAGE = 1_000_000
QUOTED = 60


@dataclass
class Asked:
    """The list that a URL asks for. `notices` say which of its parameters were left out."""

    table: Table
    search: str
    values: dict[str, str]
    conditions: list[ColumnElement[bool]]
    sort: str
    columns: list[Column]
    per_page: int
    after: str = ""
    before: str = ""
    last: bool = False
    page: int = 1
    notices: list[str] = field(default_factory=list)
    layout: dict[str, Any] = field(default_factory=dict)
    """The parameters `columns` and `per_page`, if the URL has them."""

    @property
    def is_narrowed(self) -> bool:
        """Whether a search or a filter leaves out rows."""
        return any(self.narrowing_by())

    @property
    def folded_filters(self) -> int:
        """The number of values that stand under "More filters"."""
        names = {name for one in self.table.filters if one.is_folded for name in one.parameters}
        return len(names & self.values.keys())

    def narrowing(self) -> dict[str, str]:
        """Return the search and the filters as parameters."""
        found = {self.table.search_parameter: self.search} if self.search else {}
        return found | self.values

    def narrowing_by(self) -> Iterator[str]:
        """Yield the parameters that "Show all" takes away. A filter with a default stays."""
        fixed = {one.key for one in self.table.filters if one.default}
        return (name for name in self.narrowing() if name not in fixed)

    def kept(self) -> dict[str, Any]:
        """Return the parameters that other pages and orders of the list keep."""
        order = {"sort": self.sort} if self.sort != self.table.order else {}
        return {**self.narrowing(), **order, **self.layout}

    def fields(self, without: Iterable[str]) -> list[tuple[str, Any]]:
        """Return the parameters for the hidden fields of a form with controls for some others."""
        kept = {name: value for name, value in self.kept().items() if name not in set(without)}
        return list(MultiDict(kept).items(multi=True))

    @property
    def in_toolbar(self) -> list[str]:
        """The parameters that have a control in the toolbar."""
        shown = [one for one in self.table.filters if one.control and not one.tabs]
        return [self.table.search_parameter, *(name for one in shown for name in one.parameters)]

    def without_narrowing(self) -> str:
        """Return the query string of all rows, which is never empty.

        A URL without parameters may open another list (slots.table_start).
        """
        query = self.query(**dict.fromkeys(self.narrowing_by(), ""))
        return query or urlencode({"sort": self.sort})

    def query(self, **changes: Any) -> str:
        """Return the query string with some changes. "" removes a parameter."""
        query = self.kept() | changes
        return urlencode({name: value for name, value in query.items() if value != ""}, doseq=True)


def read(
    table: Table, args: MultiDict[str, str], *, columns: Sequence[str] = (), per_page: int = 0
) -> Asked:
    """Read the parameters of a URL. `columns` and `per_page` are the reader's own defaults."""
    # A MultiDict makes an error, and catches it, for each parameter that a URL lacks.
    given = args.to_dict()
    notices: list[str] = []
    asked = Asked(
        table,
        search=search.tidy(given.get(table.search_parameter, "")) if _has_search(table) else "",
        values={},
        conditions=[],
        sort=_sort(table, given, notices),
        columns=_columns(table, args.getlist("columns") or columns, notices),
        per_page=_per_page(given, per_page or table.per_page, notices, table),
        after=given.get("after", ""),
        before=given.get("before", ""),
        last=given.get("last") == "1",
        page=_page(given, notices),
        notices=notices,
    )
    for one in table.filters:
        reading = one.read(given, table.model)
        asked.values |= reading.values
        asked.conditions += reading.conditions
        notices.extend(reading.notices)
    if "columns" in given:
        asked.layout["columns"] = [column.name for column in asked.columns]
    if "per_page" in given:
        asked.layout["per_page"] = asked.per_page
    return asked


def _has_search(table: Table) -> bool:
    return bool(table.search or table.find)


def _sort(table: Table, args: Mapping[str, str], notices: list[str]) -> str:
    sort = args.get("sort", "")
    if not sort or table.sorts(sort.removeprefix("-")):
        return sort or table.order
    notices.append("The list cannot be sorted like that, so it is in its usual order.")
    return table.order


def _columns(table: Table, names: Sequence[str], notices: list[str]) -> list[Column]:
    known = {column.name for column in table.columns}
    if not set(names) <= known:
        notices.append("This list lacks a column that you asked for.")
    if not set(names) & known:
        return [column for column in table.columns if not column.hidden]
    return [column for column in table.columns if column.main or column.name in names]


def _per_page(args: Mapping[str, str], usual: int, notices: list[str], table: Table) -> int:
    given = args.get("per_page") or str(usual)
    if given in map(str, (*PER_PAGE_CHOICES, usual)):
        return int(given)
    first, second, most = PER_PAGE_CHOICES
    notices.append(f"A page holds {first}, {second} or {most} {table.nouns[1]}; this one {usual}.")
    return usual


def _page(args: Mapping[str, str], notices: list[str]) -> int:
    given = args.get("page", "") or "1"
    # Numbers of up to 20 digits are valid: they stand for a page beyond the last one.
    number = whole_number(given[:20], 10**20)
    if not number:
        notices.append(f"“{given[:QUOTED]}” is no page of the list, so the first is shown.")
    return min(number or 1, HIGHEST_PAGE)
