"""Find users by a part of their name or email."""

from collections.abc import Callable

from sqlalchemy import ColumnElement, or_, select

from app.extensions import db
from app.kit.names import canonical_email
from app.models import User

Finder = Callable[[str, int], list[int]]


def has_words(text: str) -> list[ColumnElement[bool]]:
    """Return the conditions that a user has each word of `text` in a name or the email."""
    names = (User.first_name, User.last_name, User.email)
    return [
        or_(*(name.icontains(word, autoescape=True) for name in names))
        for word in dict.fromkeys(text.split())
    ]


def _look_at_each(text: str, limit: int) -> list[int]:
    return list(db.session.scalars(select(User.id).where(*has_words(text)).limit(limit)))


_finders: list[Finder] = [_look_at_each]


def find_by(finder: Finder) -> None:
    """Use `finder`, which has an index, to find users from now on."""
    _finders.append(finder)


def by_email(email: str) -> User | None:
    """Return the user with an email, unless the account is deleted."""
    query = select(User).where(User.email == canonical_email(email), User.deleted_at.is_(None))
    return db.session.scalar(query)


def ids_matching(text: str, limit: int) -> list[int]:
    """Return the ids of up to `limit` users who have every word of `text` in a name or the email.

    If a user has exactly this email, only their id is returned.
    """
    exact = db.session.scalar(select(User.id).where(User.email == canonical_email(text)))
    return [exact] if exact is not None else _finders[-1](text, limit)
