"""Show declared tables as pages, and send them as CSV files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl, urlencode

from flask import Flask, current_app, render_template, request, stream_with_context, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from jinja2 import Template
from markupsafe import Markup
from sqlalchemy import ColumnElement
from werkzeug.datastructures import MultiDict

from app.kit import slots
from app.kit.audit.actions import ACTIONS, SEARCHING
from app.kit.audit.downloads import record_download
from app.kit.database import HIGHEST_INTEGER, now
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
from app.kit.web import table_rows
from app.kit.web.downloads import csv_file
from app.kit.web.live import is_live
from app.kit.web.restrict import may_open

Where = Sequence[ColumnElement[bool]]


@dataclass(frozen=True)
class RowSelection:
    """A check box in each row, for a form that the template `bar` shows above the rows.

    `form` is the id of the form, and `field` the name of the boxes.
    """

    bar: str
    form: str
    field: str = "ids"
    may_pick: Callable[[Any], Any] = bool


@dataclass
class ShownTable:
    """A page of a table, with all that the template needs to know about its rows.

    `view_url` is where the chosen columns and the page size are posted to be kept for the reader.
    Without it they are parameters of the URL.
    """

    table: Table
    asked: Asked
    page: TablePage
    url: str
    per_page_choices: Sequence[int] = PER_PAGE_CHOICES
    selection: RowSelection | None = None
    view_url: str = ""
    _counts: dict[str, Mapping[str, int]] = field(default_factory=dict)

    @property
    def columns(self) -> list[Column]:
        return self.asked.columns

    @property
    def controls(self) -> list[Filter]:
        """The filters beside the search."""
        return [
            one for one in self.table.filters if one.control and not one.tabs and not one.is_folded
        ]

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
    def import_url(self) -> str:
        """The URL of the import, or "" if it is not open."""
        endpoint = f"{self.table.endpoint}_import"
        return url_for(endpoint) if self.table.imports and may_open(endpoint) else ""

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
    def operations_url(self) -> str:
        """The URL of the list of bulk actions, or "" if the table has none."""
        endpoint = f"{self.table.endpoint}_operations"
        return url_for(endpoint) if self.bulk_url and may_open(endpoint) else ""

    @cached_property
    def picks(self) -> RowSelection | None:
        """The check boxes of the rows, or None."""
        return RowSelection("", "bulk", "row_ids") if self.bulk_url else self.selection

    @cached_property
    def menus(self) -> list[slots.ShownPanel]:
        """The menus that features add beside "View"."""
        if not current_user.is_authenticated:
            return []
        return slots.shown_table_menus(self, current_user._get_current_object())

    @cached_property
    def actions(self) -> list[RowAction]:
        """The actions on rows that the signed-in user may open, the dangerous ones last."""
        found = [one for one in self.table.row_actions if may_open(one.endpoint)]
        return sorted(found, key=lambda one: one.danger)

    def counts(self, one: Any) -> Mapping[str, int]:
        """Return the numbers of rows for the choices of a filter, which are counted once."""
        if one.name not in self._counts:
            self._counts[one.name] = one.counts() if one.counts else {}
        return self._counts[one.name]

    def rows_by(self, macro: Callable[..., Any]) -> Markup:
        """Return the rows, each as `macro` writes a Line (app/kit/web/table_rows.py)."""
        return table_rows.rendered(self, macro)

    def name_of(self, row: Any) -> Any:
        """Return the name of a row, for links and for screen readers."""
        name = self.main.of(row)
        return self.main.none if name is None else name

    def row_url(self, row: Any) -> str:
        """Return the URL of a row's page, or "" if there is none that the user may open."""
        return self._main_url(row) if self._main_url else ""

    @cached_property
    def _main_url(self) -> Callable[[Any], str] | None:
        return self.url_of(self.main)

    def url_of(self, column: Column) -> Callable[[Any], str] | None:
        """Return the function that returns the URL of a column's link, or None without a link.

        A link that the signed-in user may not open is none.
        """
        if callable(column.link):
            return column.link
        if not column.link or not may_open(self.table.endpoint_of(column.link)):
            return None
        before, after = _url_around_id(self.table.endpoint_of(column.link))
        return lambda row: f"{before}{getattr(row, self.key)}{after}"

    @cached_property
    def key(self) -> str:
        """The attribute that identifies a row."""
        return self.table.key

    @cached_property
    def actions_around_id(self) -> list[tuple[RowAction, str, str]]:
        """The actions, with their URLs before and after the id of a row."""
        next_url = urlencode({"next": self.list_url})
        found = [(one, *_url_around_id(one.endpoint)) for one in self.actions]
        return [
            (one, before, f"{after}?{next_url}" if one.is_posted else after)
            for one, before, after in found
        ]


def read(table: Table, **defaults: Any) -> Asked:
    """Read the list that the URL of this request asks for."""
    return reading.read(table, request.args or _start(table), **defaults)


def _start(table: Table) -> MultiDict[str, str]:
    """Return the parameters of the list that opens when the URL of its page has none."""
    if request.endpoint != table.endpoint or not current_user.is_authenticated:
        return MultiDict()
    query = slots.start_of_table(table, current_user._get_current_object())
    return MultiDict(parse_qsl(query))


def load(asked: Asked, where: Where = ()) -> ShownTable:
    """Load the page that the URL asks for, or the first with a notice if there is no such page."""
    table = asked.table

    def find() -> TablePage:
        return table.find(asked) if table.find else paging.find(asked, list(where))

    try:
        page = find()
    except NotACursor:
        asked.notices.append("That page is not in this list, so the first one is shown.")
        asked.after = asked.before = ""
        page = find()
    if not page.is_sorted:
        asked.notices.append(
            f"Too many {table.nouns[1]} match to sort them, so those who were added last come "
            "first. Type more to narrow them down."
        )
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
    return render_template(
        template,
        shown=shown,
        table=shown.table,
        asked=shown.asked,
        layout=layout_of_page(layout),
        live=is_live(),
        **values,
    )


def layout_of_page(layout: str = "") -> Template:
    """Return a layout, by default that of the blueprint of the view, or else the public one."""
    layouts = [layout or f"layouts/{request.blueprint}.html", "layouts/base.html"]
    return current_app.jinja_env.select_template(layouts)


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
        record_download(table.csv_event, by=by, **details)
        found = exporting.export(asked, conditions)
        return stream_with_context(found) if table.rows else found

    return csv_file(f"{table.nouns[1].replace(' ', '-')}-{now():%Y-%m-%d}.csv", pieces)


def needs_permission(table: Table) -> bool:
    """Tell whether the page of a table is for users with a permission, and not for every user."""
    view: Any = current_app.view_functions.get(table.endpoint)
    while view is not None and not hasattr(view, "allows"):
        view = getattr(view, "__wrapped__", None)
    return view is not None


def check(app: Flask) -> None:
    """Check that the pages of all declared tables exist. Raises ConfigurationError."""
    for table in tables.declared():
        _check_pages(app, table)
        if table.bulk_actions and f"{table.endpoint}_bulk" not in app.view_functions:
            raise table.mistake(
                "its bulk actions have no pages. Call bulk_pages.add_pages beside its view."
            )
        if table.imports and f"{table.endpoint}_import" not in app.view_functions:
            raise table.mistake(
                "its import has no pages. Call import_pages.add_pages beside its view."
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
    links = [table.endpoint_of(one.link) for one in table.columns if isinstance(one.link, str)]
    needed = [one for one in table.row_actions if not one.is_optional]
    of_a_row = [*links, *(one.endpoint for one in needed)]
    for endpoint in [table.endpoint, *filter(None, [table.csv, *table.add[1:2]]), *of_a_row]:
        if endpoint not in app.view_functions:
            raise table.mistake(f"there is no page {endpoint}. Correct the endpoint.")
    for endpoint in of_a_row:
        if not _argument_of(app, endpoint):
            raise table.mistake(f"{endpoint} has to take one argument, the id of a row.")


def _url_around_id(endpoint: str) -> tuple[str, str]:
    """Return the URL of an endpoint before and after the id of a row.

    `url_for` takes 15 µs, and a page of 100 rows has 500 links.
    """
    values: dict[str, Any] = {_argument_of(current_app, endpoint): HIGHEST_INTEGER}
    url = url_for(endpoint, **values)
    before, _id, after = url.rpartition(str(HIGHEST_INTEGER))
    return before, after


def _argument_of(app: Flask, endpoint: str) -> str:
    """Return the name of the only argument of an endpoint, or ""."""
    found = {name for rule in app.url_map.iter_rules(endpoint) for name in rule.arguments}
    return found.pop() if len(found) == 1 else ""
