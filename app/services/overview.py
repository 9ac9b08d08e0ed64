"""Who joined last, and how many users there are of each kind, for the dashboard."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, func, select

from app.extensions import db
from app.kit import names
from app.models import Role, User
from app.models.user import STATUSES


class NewUser(NamedTuple):
    """A user as the card of new users shows them."""

    id: int
    first_name: str
    last_name: str
    email: str
    status: str
    created_at: datetime

    def full_name(self) -> str:
        return names.full_name(self.first_name, self.last_name)


def newest(count: int) -> list[NewUser]:
    """Return the users who joined last."""
    columns = User.__table__.c
    newest_first = (
        select(*(columns[name] for name in NewUser._fields))
        .where(User.deleted_at.is_(None))
        .order_by(User.created_at.desc(), User.id.desc())
        .limit(count)
    )
    return [NewUser(*row) for row in db.session.execute(newest_first)]


def statistics() -> dict[str, int]:
    """Return how many users there are of each kind, each counted in an index of its own."""
    administrators = select(Role.id).where(Role.administrators())
    conditions: dict[str, list[ColumnElement[bool]]] = {
        "users": [User.deleted_at.is_(None)],
        "administrators": [User.role_id.in_(administrators), User.deleted_at.is_(None)],
        **{kind: [User.stored_status == kind] for kind in STATUSES[1:]},
    }
    counts = [
        select(func.count()).select_from(User).where(*condition).scalar_subquery().label(kind)
        for kind, condition in conditions.items()
    ]
    return dict(db.session.execute(select(*counts)).one()._mapping)
