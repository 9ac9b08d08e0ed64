"""Finding people: the list, newest arrivals, and how many there are of each kind."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, or_, select

from app.database import now
from app.extensions import db
from app.models import EmailMessage, Role, User, UserSession
from app.models.user import STATUSES, account_status
from app.services.directory.filters import Filters
from app.services.listings import Listing

__all__ = ["Filters"]

PER_PAGE = 50
COUNT_CAP = 10_000  # beyond this an exact total costs more than it is worth


@dataclass(frozen=True)
class Listed:
    """A row of the list: the columns it shows and no more."""

    id: int
    first_name: str
    last_name: str
    email: str
    role_name: str | None
    confirmed: bool
    invited_at: datetime | None
    suspended_at: datetime | None
    deleted_at: datetime | None
    has_password: bool
    created_at: datetime
    last_seen_at: datetime | None

    def full_name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip()

    @property
    def status(self) -> str:
        return account_status(
            deleted=self.deleted_at is not None,
            suspended=self.suspended_at is not None,
            invited=self.invited_at is not None and not self.has_password,
            confirmed=self.confirmed,
        )


SORTS: dict[str, tuple[Any, ...]] = {
    "name": (User.last_name, User.first_name, User.id),
    "email": (User.email,),
    "role": (Role.name, User.id),
    "created_at": (User.created_at, User.id),
    "last_seen_at": (User.last_seen_at, User.id),
}
DEFAULT_SORT = "-created_at"


def find(
    *, search: str = "", role_id: int | None = None, sort: str = DEFAULT_SORT, page: int = 1
) -> Listing[Listed]:
    """Return a page of the users whose name or address contains every word of `search`.

    `sort` is a key of SORTS, with a minus in front for the other direction; what is not one
    sorts by DEFAULT_SORT.
    """
    conditions = [User.deleted_at.is_(None), *_matching(search)]
    if role_id is not None:
        conditions.append(User.role_id == role_id)
    ordering = _ordering(sort)
    skipped = (page - 1) * PER_PAGE
    # Skipping rows is quick while only an index is read, so the columns are fetched afterwards.
    ids = (
        select(User.id)
        .outerjoin(User.role)
        .where(*conditions)
        .order_by(*ordering)
        .limit(PER_PAGE + 1)
        .offset(skipped)
    )
    rows = db.session.execute(_columns().where(User.id.in_(ids)).order_by(*ordering)).all()
    has_next = len(rows) > PER_PAGE
    total = _capped_count(conditions) if has_next or not rows else skipped + len(rows)
    return Listing(
        rows=[Listed(*row) for row in rows[:PER_PAGE]],
        total=min(total, COUNT_CAP),
        total_is_capped=total > COUNT_CAP,
        page=page,
        per_page=PER_PAGE,
        has_next=has_next,
    )


def _capped_count(conditions: list[ColumnElement[bool]]) -> int:
    counted = select(User.id).where(*conditions).limit(COUNT_CAP + 1).subquery()
    return db.session.scalar(select(func.count()).select_from(counted)) or 0


def newest(count: int) -> list[Listed]:
    """Return the users who came last."""
    newest_first = _columns().where(User.deleted_at.is_(None)).order_by(*_ordering(DEFAULT_SORT))
    rows = db.session.execute(newest_first.limit(count))
    return [Listed(*row) for row in rows]


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


def session_count(user: User) -> int:
    """Return on how many browsers `user` is signed in."""
    return (
        db.session.scalar(
            select(func.count(UserSession.id)).where(
                UserSession.user_id == user.id, UserSession.expires_at > now()
            )
        )
        or 0
    )


def recent_emails(user: User, count: int = 10) -> list[EmailMessage]:
    """Return the mails that were last written to `user`."""
    return list(
        db.session.scalars(
            select(EmailMessage)
            .where(EmailMessage.user_id == user.id)
            .order_by(EmailMessage.id.desc())
            .limit(count)
        )
    )


def _matching(search: str) -> Iterator[ColumnElement[bool]]:
    for word in search.split():
        yield or_(
            *(
                column.icontains(word, autoescape=True)
                for column in (User.first_name, User.last_name, User.email)
            )
        )


def _ordering(sort: str) -> list[ColumnElement[Any]]:
    columns = SORTS.get(sort.removeprefix("-"))
    if columns is None:
        return _ordering(DEFAULT_SORT)
    if sort.startswith("-"):
        return [column.desc() for column in columns]
    return list(columns)


def _columns() -> Select[*tuple[Any, ...]]:
    return select(
        User.id,
        User.first_name,
        User.last_name,
        User.email,
        Role.name,
        User.confirmed,
        User.invited_at,
        User.suspended_at,
        User.deleted_at,
        User.password_hash.is_not(None),
        User.created_at,
        User.last_seen_at,
    ).outerjoin(User.role)
