"""Admin views that list users, choose the columns of the list, and export it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import urlencode

from flask import current_app, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from app.admin import admin
from app.admin.views.users import replaces_user_list
from app.decorators import fresh_sign_in_required, permission_required
from app.features import user_search
from app.features.user_search import DEFAULT_SORT, Filters, people_csv
from app.kit import names
from app.kit.database import now
from app.kit.tables.cursors import NotACursor
from app.kit.web.downloads import csv_file
from app.kit.web.templating import reader_of_times
from app.models import Permission, Role
from app.services import policy
from app.services import roles as roles_service
from app.services.user_list import PER_PAGE, UserPage
from app.sign_in import me

COLUMNS = {
    "role": "Role",
    "status": "Status",
    "created_at": "Joined",
    "last_seen_at": "Last seen",
}
SHOWN_COOKIE = "people_list"
YEAR = 365 * 24 * 60 * 60


@dataclass(frozen=True)
class Shown:
    """The layout of the list in a browser: rows per page, and columns beside the name."""

    per_page: int = PER_PAGE
    columns: tuple[str, ...] = tuple(COLUMNS)

    @staticmethod
    def read(text: str) -> Shown:
        """Read the value that `write` returned. It comes from a cookie, so it is validated."""
        number, *names = text.split("-")
        if number not in map(str, user_search.PER_PAGE_CHOICES):
            return Shown()
        return Shown(int(number), tuple(name for name in COLUMNS if name in names))

    def write(self) -> str:
        return "-".join((str(self.per_page), *self.columns))


@dataclass(frozen=True)
class AskedUsers:
    """The list that a query string asks for, and notices about its invalid parameters."""

    filters: Filters
    sort: str
    per_page: int
    notices: list[str] = field(default_factory=list)

    def kept(self) -> dict[str, Any]:
        """Return the query parameters that other pages and orders of the list keep."""
        kept: dict[str, Any] = self.filters.to_query()
        if self.sort != DEFAULT_SORT:
            kept["sort"] = self.sort
        if "per_page" in request.args:
            kept["per_page"] = self.per_page
        return kept

    def query(self, **changes: str | int) -> str:
        """Return the query string of the list with some changes. "" removes a parameter."""
        query = self.kept() | changes
        return urlencode({name: value for name, value in query.items() if value != ""})


@replaces_user_list
def registered_users() -> ResponseReturnValue:
    """List users by the query string. Invalid parameters are ignored with a notice."""
    shown = Shown.read(request.cookies.get(SHOWN_COOKIE, ""))
    asked = _asked(shown)
    page = _page(asked)
    roles = roles_service.known()
    return render_template(
        "admin/user_search.html",
        page=page,
        rows=list(_rows(page, {role.id: role for role in roles})),
        asked=asked,
        filters=asked.filters,
        notices=asked.notices,
        roles=roles,
        total_words=_total_words(page),
        columns=COLUMNS,
        shown=shown,
        per_page_choices=user_search.PER_PAGE_CHOICES,
        list_url=url_for("admin.registered_users"),
    )


class ListedUser(NamedTuple):
    """A row of the list."""

    id: int
    url: str
    name: str
    initials: str
    email: str  # empty if the name is the email address
    role: str
    status: str
    joined: Markup
    seen: Markup
    menu: str  # the status, or "me"; empty for a user with more permissions than the viewer


@admin.post("/users/columns")
@permission_required(Permission.MANAGE_USERS)
def choose_columns() -> ResponseReturnValue:
    """Store the columns and the rows per page of the list in a cookie."""
    given = "-".join((request.form.get("per_page", ""), *request.form.getlist("columns")))
    shown = Shown.read(given)
    response = redirect(f"{url_for('admin.registered_users')}?{_asked(shown).query(per_page='')}")
    response.set_cookie(
        SHOWN_COOKIE,
        shown.write(),
        max_age=YEAR,
        path=url_for("admin.registered_users"),
        secure=current_app.config["SESSION_COOKIE_SECURE"],
        httponly=True,
        samesite="Lax",
    )
    return response


@admin.get("/users/export.csv")
@permission_required(Permission.MANAGE_USERS)
@fresh_sign_in_required
def export_users() -> ResponseReturnValue:
    """Export the users that match the query string as a streamed CSV file."""
    asked = _asked(Shown())
    return csv_file(
        f"people-{now():%Y-%m-%d}.csv",
        lambda: people_csv.export(asked.filters, sort=asked.sort, by=me()),
    )


def _asked(shown: Shown) -> AskedUsers:
    filters, notices = Filters.from_query(request.args)
    sort = request.args.get("sort") or DEFAULT_SORT
    if not user_search.is_known(sort):
        sort = DEFAULT_SORT
        notices.append("The list cannot be sorted like that; newest come first.")
    per_page = request.args.get("per_page") or str(shown.per_page)
    if per_page not in map(str, user_search.PER_PAGE_CHOICES):
        per_page = str(shown.per_page)
        notices.append(f"A page holds 25, 50 or 100 people; this one {per_page}.")
    return AskedUsers(filters, sort, int(per_page), notices)


def _page(asked: AskedUsers) -> UserPage:
    place: dict[str, Any] = {
        "after": request.args.get("after", ""),
        "before": request.args.get("before", ""),
        "last": request.args.get("last") == "1",
    }
    try:
        page = user_search.find(asked.filters, sort=asked.sort, per_page=asked.per_page, **place)
    except NotACursor:
        asked.notices.append("That page is not in this list, so you see the first.")
        page = user_search.find(asked.filters, sort=asked.sort, per_page=asked.per_page)
    if not page.is_sorted:
        asked.notices.append(
            "Too many people match to sort them, so those who were added last come first. "
            "Type more to narrow them down."
        )
    return page


def _rows(page: UserPage, roles: dict[int, Role]) -> Iterator[ListedUser]:
    ago, my_id = reader_of_times(), me().id
    above = {role.id for role in roles.values() if not policy.may_grant(me(), role.permissions)}
    for id_, first, last, email, role_id, status, joined, seen in page.rows:
        name = names.full_name(first, last)
        yield ListedUser(
            id=id_,
            url=url_for("admin.user_info", user_id=id_),
            name=name or email,
            initials=names.initials(first, last, email),
            email=email if name else "",
            role=roles[role_id].name if role_id in roles else "None",
            status=status,
            joined=ago(joined),
            seen=ago(seen),
            menu="me" if id_ == my_id else "" if role_id in above else status,
        )


def _total_words(page: UserPage) -> str:
    """Return the number of listed users in words: 1,234, about 25,000, more than 50."""
    total = page.total
    if total.kind == "exact":
        return f"{total.count:,}"
    if total.kind == "about":
        return f"about {total.count:,}"
    return f"more than {max(total.count, len(page.rows)):,}"
