"""Plug saved views into the pages of declared tables."""

from typing import Any
from urllib.parse import urlencode

from flask import g
from werkzeug.datastructures import MultiDict

from app.features.saved_views import services
from app.features.saved_views.models import SavedView
from app.kit import slots
from app.kit.tables import asked
from app.kit.tables.table import Table
from app.kit.web.shown_tables import ShownTable
from app.kit.web.table_pages import needs_permission
from app.models import User

Views = tuple[list[SavedView], list[SavedView]]


@slots.table_menu("partials/_views_menu.html")
def views_menu(shown: ShownTable, by: User) -> slots.Values:
    own, shared = _views(shown.table, by)
    return {
        "own": own,
        "shared": shared,
        "deletable": {view.id for view in shared if services.may_delete(view, by)},
        "may_share": services.may_share(by, is_for_all=not needs_permission(shown.table)),
        "query": services.query_of(shown.asked),
        "usual": _usual(shown) if own or shared else "",
        "is_usual": not shown.asked.kept() or _usual(shown) == services.query_of(shown.asked),
        "is_full": len(own) >= services.MOST,
    }


def _usual(shown: ShownTable) -> str:
    """Return the query string of the usual list, which is never empty: that may open a start."""
    if shown.view_url:  # The list keeps columns and page size for the user.
        return urlencode({"sort": shown.table.order})
    return services.query_of(asked.read(shown.table, MultiDict()))


@slots.table_start
def start(table: Table, by: User) -> str:
    own, _shared = _views(table, by)
    return next((view.query for view in own if view.is_start), "")


def _views(table: Table, by: User) -> Views:
    """Return the views of a list, which a request reads once."""
    found: dict[tuple[str, int], Views] = g.setdefault("saved_views", {})
    key = table.endpoint, by.id
    if key not in found:
        found[key] = services.of_table(table, by)
    return found[key]


@slots.own_data("saved_views")
def views_of(user: User) -> list[dict[str, Any]] | None:
    names = ("endpoint", "name", "query", "is_shared", "is_start", "created_at")
    return [{name: getattr(one, name) for name in names} for one in services.of_user(user)] or None
