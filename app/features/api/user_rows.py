"""Load users and roles for the API."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from app.extensions import db
from app.features.api.web.rows import get_or_404
from app.kit.database.ids import among
from app.models import Role, User


def load(rows: Sequence[Any]) -> list[User]:
    """Return the users of the rows of a list, in its order, with their roles."""
    ids = [row.id for row in rows]
    query = select(User).where(among(User.id, ids)).options(joinedload(User.role))
    found = {user.id: user for user in db.session.scalars(query)}
    return [found[id_] for id_ in ids if id_ in found]


def get(user_id: int) -> User:
    """Return a user. Raises NotFound."""
    return get_or_404(User, user_id)


def role(role_id: int | None) -> Role | None:
    """Return a role, or the default role for None. Return None for an unknown id."""
    return Role.get_default() if role_id is None else db.session.get(Role, role_id)
