"""Load the newest users and the numbers of users for the dashboard."""

from sqlalchemy import ColumnElement, func, select

from app.extensions import db
from app.models import Role, User
from app.models.user import STATUSES
from app.services.user_list import COLUMNS, UserRow


def newest(count: int) -> list[UserRow]:
    """Return the newest `count` users."""
    newest_first = (
        select(*(COLUMNS[name] for name in UserRow._fields))
        .where(User.deleted_at.is_(None))
        .order_by(User.created_at.desc(), User.id.desc())
        .limit(count)
    )
    return [UserRow(*row) for row in db.session.execute(newest_first)]


def statistics() -> dict[str, int]:
    """Count the users of each kind. Each count uses an index of its own."""
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
