"""What other pages ask of people: newest arrivals, and how many there are of each kind."""

from sqlalchemy import ColumnElement, func, select

from app.extensions import db
from app.features.user_search.services.plans import Listed
from app.features.user_search.services.sorting import COLUMNS
from app.models import Role, User
from app.models.user import STATUSES


def newest(count: int) -> list[Listed]:
    """Return the users who came last."""
    newest_first = (
        select(*(COLUMNS[name] for name in Listed._fields))
        .where(User.deleted_at.is_(None))
        .order_by(User.created_at.desc(), User.id.desc())
        .limit(count)
    )
    return [Listed(*row) for row in db.session.execute(newest_first)]


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
