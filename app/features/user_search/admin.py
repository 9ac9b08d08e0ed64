"""Admin views that list users, choose the columns of the list, and export it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from operator import attrgetter
from urllib.parse import urlencode

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.admin import admin
from app.admin.views.users import replaces_user_list
from app.decorators import fresh_sign_in_required, permission_required
from app.features.user_search import people_csv, tables
from app.kit.database import now
from app.kit.slots import selection_of_users
from app.kit.tables.asked import Asked
from app.kit.tables.table import PER_PAGE, PER_PAGE_CHOICES
from app.kit.web import table_pages
from app.kit.web.downloads import csv_file
from app.kit.web.shown_tables import RowSelection
from app.kit.web.sign_in.browser_marks import keep_cookie
from app.models import Permission
from app.sign_in import me

COLUMNS = [one.name for one in tables.users.columns if not one.main]
SHOWN_COOKIE = "people_list"
YEAR = timedelta(days=365)


@dataclass(frozen=True)
class Shown:
    """The layout of the list in a browser: rows per page, and columns beside the name."""

    per_page: int = PER_PAGE
    columns: tuple[str, ...] = tuple(COLUMNS)

    @staticmethod
    def read(text: str) -> Shown:
        """Read the value that `write` returned. It comes from a cookie, so it is validated."""
        number, *names = text.split("-")
        if number not in map(str, PER_PAGE_CHOICES):
            return Shown()
        return Shown(int(number), tuple(name for name in COLUMNS if name in names))

    def write(self) -> str:
        return "-".join((str(self.per_page), *self.columns))


@replaces_user_list
def registered_users() -> ResponseReturnValue:
    """List users by the query string. Invalid parameters are ignored with a notice."""
    asked = _asked()
    shown = table_pages.load(asked)
    shown.view_url = f"{url_for('admin.choose_columns')}?{asked.query(per_page='', columns='')}"
    if form := selection_of_users():
        shown.selection = RowSelection(form.bar, form.form, "user_ids", attrgetter("menu"))
    return table_pages.render(
        shown,
        template="admin/registered_users.html",
        roles=tables.roles(),
    )


@admin.post("/users/columns")
@permission_required(Permission.MANAGE_USERS)
def choose_columns() -> ResponseReturnValue:
    """Store the columns and the rows per page of the list in a cookie."""
    given = "-".join((request.form.get("per_page", ""), *request.form.getlist("columns")))
    shown = Shown.read(given)
    asked = table_pages.read(tables.users)
    # A URL without parameters may open a list with columns of its own (slots.table_start).
    query = asked.query(per_page="", columns="") or urlencode({"sort": asked.sort})
    path = url_for("admin.registered_users")
    keep_cookie(SHOWN_COOKIE, shown.write(), lasts=YEAR, path=path)
    return redirect(f"{path}?{query}")


@admin.get("/users/export.csv")
@permission_required(Permission.MANAGE_USERS)
@fresh_sign_in_required
def export_users() -> ResponseReturnValue:
    """Export the users that match the query string as a streamed CSV file."""
    asked = _asked()
    return csv_file(
        f"people-{now():%Y-%m-%d}.csv",
        lambda: people_csv.export(asked, by=me()),
    )


def _asked() -> Asked:
    shown = Shown.read(request.cookies.get(SHOWN_COOKIE, ""))
    return table_pages.read(tables.users, columns=("name", *shown.columns), per_page=shown.per_page)
