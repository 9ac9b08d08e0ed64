"""List roles, and add the roles that the app needs."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app.extensions import db
from app.models import Role, User
from app.services import policy


def known() -> list[Role]:
    """Return every role, by name."""
    return list(db.session.scalars(select(Role).order_by(Role.name)))


def assignable(by: User | None) -> list[Role]:
    """Return the roles that `by` may give to others, by name."""
    query = select(Role).where(policy.assignable(by)).order_by(Role.name)
    return list(db.session.scalars(query))


def default_id() -> int | None:
    """Return the id of the role that a new user gets."""
    role = Role.get_default()
    return role.id if role else None


def insert() -> None:
    """Add missing roles that the kit needs, and commit. Existing roles stay as they are.

    If several processes start at once, the unique index lets only one of them add a role.
    """
    try:
        Role.insert_roles()
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        Role.insert_roles()
        db.session.commit()
