"""The page of a table as its template sees it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from flask import Flask, current_app, url_for
from flask_login import current_user
from markupsafe import Markup

from app.kit import slots
from app.kit.database import HIGHEST_INTEGER
from app.kit.tables.actions import RowAction
from app.kit.tables.asked import Asked
from app.kit.tables.columns import Column
from app.kit.tables.filters import Filter
from app.kit.tables.page import TablePage
from app.kit.tables.table import PER_PAGE_CHOICES, Table
from app.kit.web import table_rows
from app.kit.web.restrict import may_open


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
    """A page of a table, and the URLs and controls that it shows.

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
        return next(column for column in self.table.columns if column.main)

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
        return _url_if_open(f"{self.table.endpoint}_import") if self.table.imports else ""

    @cached_property
    def add_url(self) -> str:
        """The URL of the main button, or "" if it is not open."""
        if not self.table.add or not may_open(self.table.add[1]):
            return ""
        return "" if self.table.may_add and not self.table.may_add() else url_for(self.table.add[1])

    @cached_property
    def bulk_url(self) -> str:
        """The URL of the bulk actions, or "" if the table has none."""
        return _url_if_open(f"{self.table.endpoint}_bulk") if self.table.bulk_actions else ""

    @cached_property
    def operations_url(self) -> str:
        """The URL of the list of bulk actions, or "" if the table has none."""
        return _url_if_open(f"{self.table.endpoint}_operations") if self.bulk_url else ""

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
        # A function that kept this page would keep all its rows, until the next garbage collection.
        key = self.key
        return lambda row: f"{before}{getattr(row, key)}{after}"

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


def _url_if_open(endpoint: str) -> str:
    """Return the URL of an endpoint without arguments, or "" if the user may not open it."""
    return url_for(endpoint) if may_open(endpoint) else ""


def _url_around_id(endpoint: str) -> tuple[str, str]:
    """Return the URL of an endpoint before and after the id of a row.

    `url_for` takes 15 µs, and a page of 100 rows has 500 links.
    """
    values: dict[str, Any] = {argument_of(current_app, endpoint): HIGHEST_INTEGER}
    url = url_for(endpoint, **values)
    before, _id, after = url.rpartition(str(HIGHEST_INTEGER))
    return before, after


def argument_of(app: Flask, endpoint: str) -> str:
    """Return the name of the only argument of an endpoint, or ""."""
    found = {name for rule in app.url_map.iter_rules(endpoint) for name in rule.arguments}
    return found.pop() if len(found) == 1 else ""
