"""Show declared tables as pages, and send them as CSV files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl

from flask import Flask, current_app, render_template, request, stream_with_context, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from jinja2 import Template
from sqlalchemy import ColumnElement
from sqlalchemy.orm import InstrumentedAttribute
from werkzeug.datastructures import MultiDict

from app.kit import slots
from app.kit.audit.actions import ACTIONS, SEARCHING
from app.kit.audit.downloads import record_download
from app.kit.database import now
from app.kit.tables import asked as reading
from app.kit.tables import exporting, ordering, paging, totals
from app.kit.tables import table as tables
from app.kit.tables.asked import Asked
from app.kit.tables.cursors import NotACursor
from app.kit.tables.page import TablePage
from app.kit.tables.table import Table
from app.kit.web.downloads import csv_file
from app.kit.web.live import is_live
from app.kit.web.shown_tables import ShownTable, argument_of

Where = Sequence[ColumnElement[bool]]


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
    """Load the page of the URL. If it does not exist, load the first page and add a notice."""
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
        _check_csv(table)
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


def _check_csv(table: Table) -> None:
    for column in table.all_columns:
        if isinstance(column.csv, InstrumentedAttribute):
            relation: Any = ordering.relation_of(table.model, column.name)
            if relation is None or not relation.mapper.isa(column.csv.parent):
                raise table.mistake(
                    f"the csv of {column.name} is {column.csv}, which is no attribute of its rows. "
                    f"Name one of the model that {column.name} leads to."
                )


def _check_pages(app: Flask, table: Table) -> None:
    links = [
        table.endpoint_of(column.link) for column in table.columns if isinstance(column.link, str)
    ]
    needed = [one for one in table.row_actions if not one.is_optional]
    of_a_row = [*links, *(one.endpoint for one in needed)]
    for endpoint in [table.endpoint, *filter(None, [table.csv, *table.add[1:2]]), *of_a_row]:
        if endpoint not in app.view_functions:
            raise table.mistake(f"there is no page {endpoint}. Correct the endpoint.")
    for endpoint in of_a_row:
        if not argument_of(app, endpoint):
            raise table.mistake(f"{endpoint} has to take one argument, the id of a row.")
