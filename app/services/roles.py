"""The roles there are."""

from app.extensions import db
from app.models import Role


def insert() -> None:
    """Bring in the roles that the kit knows; run again, it changes only what differs."""
    Role.insert_roles()
    db.session.commit()
