"""Show declared tables as pages, and send them as CSV files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from flask import Flask, current_app, render_template, request, stream_with_context, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import ColumnElement

from app.kit import audit
from app.kit.audit.actions import ACTIONS, SEARCHING
from app.kit.database import now
from app.kit.tables import asked as reading
from app.kit.tables import exporting, paging, totals
from app.kit.tables import table as tables
from app.kit.tables.actions import RowAction
from app.kit.tables.asked import Asked
from app.kit.tables.columns import Column
from app.kit.tables.cursors import NotACursor
from app.kit.tables.filters import Filter
from app.kit.tables.page import TablePage
from app.kit.tables.table import PER_PAGE_CHOICES, Table
from app.kit.web import table_cells
from app.kit.web.downloads import csv_file
from app.kit.web.list_params import is_live
from app.kit.web.restrict import may_open

Where = Sequence[ColumnElement[bool]]


@dataclass
class ShownTable:
    """A page of a table, with all that the template needs to know about its rows."""

    table: Table
    asked: Asked
    page: TablePage
    url: str
    per_page_choices: Sequence[int] = PER_PAGE_CHOICES
    _cells: dict[str, Callable[[Any], Any]] = field(default_factory=dict)
    _counts: dict[str, Mapping[str, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._cells = {one.name: table_cells.writer(one) for one in self.asked.columns}

    @property
    def columns(self) -> list[Column]:
        return self.asked.columns

    @property
    def controls(self) -> list[Filter]:
        """The filters beside the search."""
        return [one for one in self.table.filters if not one.tabs and not one.is_folded]

    @property
    def folded(self) -> list[Filter]:
        """The filters under "More filters"."""
        return [one for one in self.table.filters if one.is_folded]

    @cached_property
    def main(self) -> Column:
        return next(one for one in self.table.columns if one.main)

    @cached_property
    def noun(self) -> str:
        """The noun for the number of rows."""
        one, many = self.table.nouns
        return one if self.page.total.is_one else many

    @cached_property
    def sort(self) -> str:
        return self.asked.sort if self.page.is_sorted else ""

    @property
    def list_url(self) -> str:
        """The URL of the list as it is shown, for actions that lead back to it."""
        query = self.asked.query()
        return f"{self.url}?{query}" if query else self.url

    @cached_property
    def export_url(self) -> str:
        """The URL of the CSV file with the same rows, or "" if it is not open."""
        if not self.table.csv or not may_open(self.table.csv):
            return ""
        query = self.asked.query(per_page="", columns="")
        return url_for(self.table.csv) + (f"?{query}" if query else "")

    @cached_property
    def add_url(self) -> str:
        """The URL of the main button, or "" if it is not open."""
        if not self.table.add or not may_open(self.table.add[1]):
            return ""
        return "" if self.table.may_add and not self.table.may_add() else url_for(self.table.add[1])

    @cached_property
    def bulk_url(self) -> str:
        """The URL of the bulk actions, or "" if the table has none."""
        endpoint = f"{self.table.endpoint}_bulk"
        return url_for(endpoint) if self.table.bulk_actions and may_open(endpoint) else ""

    @cached_property
    def actions(self) -> list[RowAction]:
        """The actions on rows that the signed-in user may open, the dangerous ones last."""
        found = [one for one in self.table.row_actions if may_open(one.endpoint)]
        return sorted(found, key=lambda one: one.danger)

    def actions_on(self, row: Any) -> list[RowAction]:
        return [one for one in self.actions if one.is_for(row)]

    def action_url(self, action: RowAction, row: Any) -> str:
        url = self.endpoint_url(action.endpoint, row)
        return f"{url}?{urlencode({'next': self.list_url})}" if action.is_posted else url

    def cell(self, column: Column, row: Any) -> Any:
        """Return the contents of a cell."""
        return self._cells[column.name](row)

    def sub(self, row: Any) -> Any:
        """Return the second line of a row's main cell."""
        return self._sub(row)

    @cached_property
    def _sub(self) -> Callable[[Any], Any]:
        sub = self.main.sub or str
        return table_cells.macro(sub) if isinstance(sub, str) else sub

    def counts(self, one: Any) -> Mapping[str, int]:
        """Return the numbers of rows for the choices of a filter, which are counted once."""
        if one.name not in self._counts:
            self._counts[one.name] = one.counts() if one.counts else {}
        return self._counts[one.name]

    def name_of(self, row: Any) -> Any:
        """Return the name of a row, for screen readers."""
        return self.main.of(row)

    def row_url(self, row: Any) -> str:
        """Return the URL of a row's page, or "" if there is none that the user may open."""
        link = self.main.link
        if callable(link):
            return link(row)
        return self.endpoint_url(link, row) if link and self._may_follow else ""

    @cached_property
    def _may_follow(self) -> bool:
        return isinstance(self.main.link, str) and may_open(self.main.link)

    def endpoint_url(self, endpoint: str, row: Any) -> str:
        return url_for(endpoint, **{_argument_of(current_app, endpoint): self.id_of(row)})

    def id_of(self, row: Any) -> Any:
        return getattr(row, self.table.identity.key)


def read(table: Table, **defaults: Any) -> Asked:
    """Read the list that the URL of this request asks for."""
    return reading.read(table, request.args, **defaults)


def load(asked: Asked, where: Where = ()) -> ShownTable:
    """Load the page that the URL asks for, or the first with a notice if there is no such page."""
    table = asked.table

    def find() -> TablePage:
        return table.find(asked) if table.find else paging.find(asked, list(where))

    try:
        page = find()
    except NotACursor:
        asked.notices.append("This page does not exist, so the first one is shown.")
        asked.after = asked.before = ""
        page = find()
    return ShownTable(table, asked, page, url_for(table.endpoint, **(request.view_args or {})))


def show(
    table: Table, *, where: Where = (), template: str = "tables/list.html", **values: Any
) -> ResponseReturnValue:
    """Show a page of a table.

    `where` are conditions of this view, such as "only the user's own rows". `template` extends
    tables/list.html, and gets `values`.
    """
    return render(load(read(table), where), template=template, **values)


def render(
    shown: ShownTable, *, template: str = "tables/list.html", layout: str = "", **values: Any
) -> ResponseReturnValue:
    """Render a page of a table, by default in the layout of the blueprint of the view."""
    layouts = [layout or f"layouts/{request.blueprint}.html", "layouts/base.html"]
    found = current_app.jinja_env.select_template(layouts)
    return render_template(
        template,
        shown=shown,
        table=shown.table,
        asked=shown.asked,
        layout=found,
        live=is_live(),
        **values,
    )


def export(table: Table, *, by: Any, where: Where = ()) -> ResponseReturnValue:
    """Send the rows that the URL asks for as a CSV file, and record the download."""
    asked, conditions = read(table), list(where)

    def pieces() -> Any:
        details: dict[str, Any] = {"sort": asked.sort}
        if table.search or table.filters:
            details["filter"] = asked.narrowing()
        total = totals.count(paging.matching(asked, conditions))
        if total.count <= totals.CAP:
            details["rows"] = total.count
        audit.record_download(table.csv_event, by=by, **details)
        found = exporting.export(asked, conditions)
        return stream_with_context(found) if table.rows else found

    return csv_file(f"{table.nouns[1].replace(' ', '-')}-{now():%Y-%m-%d}.csv", pieces)


def check(app: Flask) -> None:
    """Check that the pages of all declared tables exist. Raises ConfigurationError."""
    for table in tables.declared():
        _check_pages(app, table)
        if table.bulk_actions and f"{table.endpoint}_bulk" not in app.view_functions:
            raise table.mistake(
                "its bulk actions have no pages. Call bulk_pages.add_pages beside its view."
            )
        if table.csv_event and table.csv_event not in ACTIONS:
            raise table.mistake(
                f"its csv_event {table.csv_event} has no words. Name it under [events] of the "
                "feature.toml."
            )
        is_searched = bool(table.csv_event and (table.search or table.filters))
        if is_searched and table.csv_event not in SEARCHING:
            raise table.mistake(
                f"its csv_event {table.csv_event} records a search. Name it under `searches` of "
                "the feature.toml, so that erasing a user finds it."
            )


def _check_pages(app: Flask, table: Table) -> None:
    links = [one.link for one in table.columns if isinstance(one.link, str)]
    of_a_row = [*links, *(one.endpoint for one in table.row_actions)]
    for endpoint in [table.endpoint, *filter(None, [table.csv, *table.add[1:2]]), *of_a_row]:
        if endpoint not in app.view_functions:
            raise table.mistake(f"there is no page {endpoint}. Correct the endpoint.")
    for endpoint in of_a_row:
        if not _argument_of(app, endpoint):
            raise table.mistake(f"{endpoint} has to take one argument, the id of a row.")


def _argument_of(app: Flask, endpoint: str) -> str:
    """Return the name of the only argument of an endpoint, or ""."""
    found = {name for rule in app.url_map.iter_rules(endpoint) for name in rule.arguments}
    return found.pop() if len(found) == 1 else ""
