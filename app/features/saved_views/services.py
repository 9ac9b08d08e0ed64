"""Save, change and delete views of lists, and find them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import and_, bindparam, func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import contains_eager

from app.extensions import db
from app.features.saved_views.models import SavedView
from app.kit import audit, names
from app.kit.tables.asked import Asked
from app.kit.tables.table import Table
from app.models import Permission, User

MOST = 50  # views that a user saves for a list
MOST_SHARED = 100  # views of others that a menu shows
LONGEST = 2_000  # characters of a query string, which goes into links


_IS_OWN = SavedView.owner_id == bindparam("owner_id")
# Every page of a table runs this query, and building it takes twice as long as running it.
_OF_TABLE = (
    select(SavedView)
    .join(SavedView.owner)
    .options(contains_eager(SavedView.owner).load_only(User.first_name, User.last_name))
    .where(
        SavedView.endpoint == bindparam("endpoint"),
        or_(_IS_OWN, and_(SavedView.is_shared, User.deleted_at.is_(None))),
    )
    .order_by(_IS_OWN.desc(), SavedView.name, SavedView.id)
    .limit(MOST + MOST_SHARED)
)


class ViewNameTaken(Exception):
    """Another view that the user saved for this list has the name."""


class TooManyViews(Exception):
    """The user has saved as many views of this list as one may."""


class ListTooLong(Exception):
    """The list has too many or too long parameters."""


class ViewGone(Exception):
    """Another request deleted the view meanwhile."""


@dataclass(frozen=True)
class ViewValues:
    """The values of a view that its owner fills in."""

    name: str
    is_shared: bool
    is_start: bool


def query_of(asked: Asked) -> str:
    """Return the query string of a list with all its columns and its page size.

    They are part of it even where the URL leaves them out, because the usual ones may change.
    """
    columns = [("columns", column.name) for column in asked.columns]
    kept = asked.fields(["columns", "per_page"])
    return urlencode([*kept, *columns, ("per_page", asked.per_page)])


def of_table(table: Table, user: User) -> tuple[list[SavedView], list[SavedView]]:
    """Return the views of a list that the user saved, and those that others share, by name."""
    values = {"owner_id": user.id, "endpoint": table.endpoint}
    views = list(db.session.scalars(_OF_TABLE, values))
    own = [view for view in views if view.owner_id == user.id]
    return own, views[len(own) :]


def of_user(user: User) -> list[SavedView]:
    """Return the views of a user on all lists."""
    query = select(SavedView).where(SavedView.owner_id == user.id).order_by(SavedView.id)
    return list(db.session.scalars(query))


def create(asked: Asked, values: ViewValues, *, by: User) -> SavedView:
    """Save a list as a view. Raises ViewNameTaken, TooManyViews and ListTooLong."""
    query, table = _checked_query(asked), asked.table
    _lock_owner(by)
    owned = select(func.count()).where(
        SavedView.owner_id == by.id, SavedView.endpoint == table.endpoint
    )
    if (db.session.scalar(owned) or 0) >= MOST:
        db.session.rollback()
        raise TooManyViews
    view = SavedView(owner_id=by.id, endpoint=table.endpoint, query=query)
    _write(view, values)
    db.session.add(view)
    _flush()
    audit.record("view.saved", by=by, subject=view, list=table.title, shared=view.is_shared)
    db.session.commit()
    return view


def change(view: SavedView, values: ViewValues, *, by: User, asked: Asked | None = None) -> None:
    """Change a view of the user `by`, to the list `asked` if it is given.

    Raises ViewNameTaken, ListTooLong and ViewGone.
    """
    query = _checked_query(asked) if asked else ""
    _lock_owner(by)
    view = _locked(view.id)
    before, former = _noted(view), view.query
    _write(view, values)
    view.query = query or former
    changes = {key: (before[key], new) for key, new in _noted(view).items() if before[key] != new}
    is_replaced = view.query != former
    _flush()
    if changes or is_replaced:
        audit.record(
            "view.changed", by=by, subject=view, changes=changes, list_replaced=is_replaced
        )
    db.session.commit()


def delete(view: SavedView, *, by: User) -> None:
    """Delete a view. Raises ViewGone, also if its owner stopped sharing it meanwhile."""
    view = _locked(view.id)
    if not may_delete(view, by):
        db.session.rollback()
        raise ViewGone
    audit.record("view.deleted", by=by, subject=view, owner=view.owner_id, shared=view.is_shared)
    db.session.delete(view)
    db.session.commit()


def find_own(view_id: int, user: User) -> SavedView | None:
    """Return a view that the user saved, or None."""
    view = db.session.get(SavedView, view_id)
    return view if view and view.owner_id == user.id else None


def find_deletable(view_id: int, user: User) -> SavedView | None:
    """Return a view that the user may delete, or None."""
    view = db.session.get(SavedView, view_id)
    return view if view and may_delete(view, user) else None


def may_share(user: User, *, is_for_all: bool) -> bool:
    """Tell whether a user may share views of a list with everyone who may open it.

    If every user may open the list, a shared view is in every menu, so managers of users share.
    """
    return not is_for_all or user.can(Permission.MANAGE_USERS)


def may_delete(view: SavedView, user: User) -> bool:
    """Tell whether a user may delete a view: an own one, or a shared one as a manager of users."""
    return view.owner_id == user.id or (view.is_shared and user.can(Permission.MANAGE_USERS))


def _checked_query(asked: Asked) -> str:
    query = query_of(asked)
    if len(query) > LONGEST:
        raise ListTooLong
    return query


def _lock_owner(owner: User) -> None:
    """Let one request at a time write views of a user, so that the limit holds."""
    db.session.execute(select(User.id).where(User.id == owner.id).with_for_update())


def _locked(view_id: int) -> SavedView:
    view = db.session.get(SavedView, view_id, with_for_update=True, populate_existing=True)
    if view is None:
        db.session.rollback()
        raise ViewGone
    return view


def _write(view: SavedView, values: ViewValues) -> None:
    if values.is_start and not view.is_start:
        # Write this first, because the database allows one start.
        db.session.execute(
            update(SavedView)
            .where(SavedView.owner_id == view.owner_id, SavedView.endpoint == view.endpoint)
            .values(is_start=False)
        )
    view.name = " ".join(names.normalise(values.name).split())
    view.is_shared, view.is_start = values.is_shared, values.is_start


def _noted(view: SavedView) -> dict[str, Any]:
    """Return the values of a view for the audit trail, without its search, which may name users."""
    return {"name": view.name, "shared": view.is_shared, "start": view.is_start}


def _flush() -> None:
    """Flush the changes. Raises ViewNameTaken if the unique index refuses the name."""
    try:
        db.session.flush()
    except IntegrityError:
        db.session.rollback()
        raise ViewNameTaken from None
