"""List users, the newest first, in pages."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, bindparam, select, tuple_

from app.extensions import db
from app.kit import names
from app.kit.tables import cursors, totals
from app.kit.tables.cursors import Cursor
from app.kit.tables.page import TablePage
from app.models import User
from app.services import user_lookup

PER_PAGE = 50
NEWEST = "-created_at"
KEYS: dict[str, tuple[type, ...]] = {"": (datetime, int)}
COLUMNS = User.__table__.c


class UserRow(NamedTuple):
    """A user in a list, with only the columns that lists show."""

    id: int
    first_name: str
    last_name: str
    email: str
    role_id: int | None
    status: str
    created_at: datetime
    last_seen_at: datetime | None

    def full_name(self) -> str:
        return names.full_name(self.first_name, self.last_name)


def find(
    *, search: str = "", status: str | None = None, after: str = "", before: str = ""
) -> TablePage:
    """Return the first page, or the page after or before a cursor. Raises NotACursor.

    Users match if each word of `search` is in a name or the email. Deleted users are listed only
    if `status` is "deleted".
    """
    at = cursors.read(after or before, sort=NEWEST, kinds=KEYS) if after or before else None
    is_backwards = bool(before and not after)
    conditions = _conditions(search, status)
    rows = _rows(conditions, at, is_backwards=is_backwards)
    if at is not None and (len(rows) <= PER_PAGE if is_backwards else not rows):
        # This side has no full page left: show the first page, or the last.
        at, is_backwards = None, not is_backwards
        rows = _rows(conditions, at, is_backwards=is_backwards)
    has_more, rows = len(rows) > PER_PAGE, rows[:PER_PAGE]
    if is_backwards:
        rows.reverse()
    is_inside = at is not None
    has_before, has_after = (has_more, is_inside) if is_backwards else (is_inside, has_more)
    return TablePage(
        rows,
        totals.count(select(User.id).where(*conditions)),
        before=_cursor(rows[0]) if rows and has_before else None,
        after=_cursor(rows[-1]) if rows and has_after else None,
    )


def _conditions(search: str, status: str | None) -> list[ColumnElement[bool]]:
    listed = User.deleted_at.is_not(None) if status == "deleted" else User.deleted_at.is_(None)
    by_status = [User.stored_status == status] if status else []
    return [listed, *by_status, *user_lookup.has_words(search)]


def _rows(
    conditions: list[ColumnElement[bool]], at: Cursor | None, *, is_backwards: bool
) -> list[UserRow]:
    """Return a page and one more row, in the order in which the query reads them."""
    keys = (User.created_at, User.id)
    query = select(*(COLUMNS[name] for name in UserRow._fields)).where(*conditions)
    if at is not None:
        given = zip(at.values, keys, strict=True)
        place = tuple_(*(bindparam(None, value, type_=key.type) for value, key in given))
        query = query.where(tuple_(*keys) > place if is_backwards else tuple_(*keys) < place)
    order = keys if is_backwards else [key.desc() for key in keys]
    query = query.order_by(*order).limit(PER_PAGE + 1)
    return [UserRow(*row) for row in db.session.execute(query)]


def _cursor(row: UserRow) -> str:
    return cursors.write(NEWEST, Cursor("", (row.created_at, row.id)))
