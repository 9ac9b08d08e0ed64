"""The roles there are."""

from sqlalchemy import select

from app.extensions import db
from app.models import Role


def known() -> list[Role]:
    """Return every role, by name."""
    return list(db.session.scalars(select(Role).order_by(Role.name)))


def default_id() -> int | None:
    """Return the id of the role that a new user gets."""
    role = Role.get_default()
    return role.id if role else None


def insert() -> None:
    """Bring in the roles that the kit knows; run again, it changes only what differs."""
    Role.insert_roles()
    db.session.commit()
