"""The table of users. The search plans of this feature find its rows."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from operator import attrgetter
from typing import NamedTuple

from flask import g

from app.admin import tables as plain
from app.features.user_search import Filters, find
from app.kit import names
from app.kit.tables import Choice, Column, Dates, Relation, RowAction, Table
from app.kit.tables.asked import Asked
from app.kit.tables.page import TablePage
from app.models import Role, User
from app.models.user import STATUSES
from app.services import policy
from app.services import roles as roles_service
from app.services.user_list import UserRow
from app.sign_in import me


class ListedUser(NamedTuple):
    """A row of the list. `menu` decides on its actions.

    It is the status, "me" for the signed-in user, or "" for users with more permissions.
    """

    id: int
    name: str
    initials: str
    email: str  # empty if it stands for the name
    role: str
    status: str
    created_at: datetime
    last_seen_at: datetime | None
    menu: str


def find_users(asked: Asked) -> TablePage:
    """Return the page that a URL asks for. Raises NotACursor."""
    page = find(
        Filters.of(asked),
        sort=asked.sort,
        per_page=asked.per_page,
        after=asked.after,
        before=asked.before,
        last=asked.last,
    )
    return replace(page, rows=list(_listed(page.rows)))


def roles() -> list[Role]:
    """Return all roles, read once in a request."""
    if "roles_of_list" not in g:
        g.roles_of_list = roles_service.known()
    found: list[Role] = g.roles_of_list
    return found


def _listed(rows: Iterable[UserRow]) -> Iterator[ListedUser]:
    role_names = {role.id: role.name for role in roles()}
    above = {role.id for role in roles() if not policy.may_grant(me(), role.permissions)}
    my_id = me().id
    for id_, first, last, email, role_id, status, created_at, last_seen_at in rows:
        name = names.full_name(first, last)
        yield ListedUser(
            id=id_,
            name=name or email,
            initials=names.initials(first, last, email),
            email=email if name else "",
            role=role_names.get(role_id or 0, "None"),
            status=status,
            created_at=created_at,
            last_seen_at=last_seen_at,
            menu="me" if id_ == my_id else "" if role_id in above else status,
        )


def is_kept(row: ListedUser) -> bool:
    """Tell whether a row is a user who is not deleted, and may be changed."""
    return row.menu not in {"", "deleted"}


def is_other(row: ListedUser) -> bool:
    """Tell whether a row is another user who is not deleted, and may be changed."""
    return row.menu not in {"", "deleted", "me"}


users = Table(
    User,
    title=plain.users.title,
    lead="Everyone with an account, also those who have not signed in yet.",
    nouns=plain.users.nouns,
    endpoint=plain.users.endpoint,
    replaces=True,
    columns=[
        Column(
            "name",
            "Name",
            value=attrgetter("name"),
            main=True,
            link="admin.user_info",
            sub=attrgetter("email"),
            avatar=True,
            sort=[User.last_name, User.first_name],
            second=Column("email", "Email"),
        ),
        Column("role", "Role", value=attrgetter("role"), sort=[Role.name], classes="col-role"),
        Column("status", "Status", badge=True, sort=[User.stored_status]),
        Column("created_at", "Joined", nowrap=True),
        Column("last_seen_at", "Last seen", nowrap=True, none="never", classes="col-seen"),
    ],
    search=plain.users.search,
    search_label=plain.users.search_label,
    search_help="Finds words anywhere in a name or email address. All words must match; case does "
    "not matter. Among more than 10,000 people, words of one or two letters match only the "
    "beginning of a name or email address.",
    filters=[
        Relation(
            "role",
            choices=lambda: [(role.id, role.name) for role in roles()],
            none="No role",
            unknown="There is no such role, so people of every role are shown.",
        ),
        Choice(
            "status",
            choices=[(status, status.capitalize()) for status in STATUSES],
            column=User.stored_status,
            unknown="There is no such status, so people of every status are shown.",
        ),
        Dates("created_at", "Joined", parameter="created"),
        Dates("last_seen_at", "Last seen", parameter="seen"),
    ],
    order="-created_at",
    find=find_users,
    csv="admin.export_users",
    csv_event="user.exported",
    add=("Add a person", "admin.new_user"),
    empty=plain.users.empty,
    no_match=("Nobody matches", "Try part of a name or email address, or remove a filter."),
    row_actions=[
        RowAction(
            "Restore",
            "admin.restore_user",
            is_optional=True,
            is_offered=lambda row: row.menu == "deleted",
        ),
        RowAction("Change email", "admin.change_user_email", is_offered=is_kept),
        RowAction("Change role", "admin.change_account_type", is_offered=is_other),
        RowAction(
            "Reactivate",
            "admin.reactivate_user",
            is_offered=lambda row: row.menu == "suspended",
        ),
        RowAction(
            "Suspend",
            "admin.suspend_user",
            is_offered=lambda row: row.menu != "suspended" and is_other(row),
        ),
        RowAction(
            "Delete", "admin.delete_user", danger=True, is_optional=True, is_offered=is_other
        ),
    ],
)
