"""Find users for other parts of the application, with the indexes of the search."""

from sqlalchemy import select

from app.extensions import db, is_sqlite
from app.features.user_search.services import matching
from app.features.user_search.services.filters import Filters
from app.models import User


def ids_matching(text: str, limit: int) -> list[int]:
    """Return up to `limit` ids of users whose name or email has every word of `text`."""
    if is_sqlite() and matching.long_words(text):
        # SQLite yields matches from the trigram index one by one, so LIMIT stops it early.
        query = matching.matches(text).join(User, User.id == matching.trigrams.c.rowid)
        query = query.where(*matching.short(text, is_leading=False))
        return list(db.session.scalars(query.limit(limit)))
    found: list[int] = []
    for status in (None, "deleted"):
        users = Filters(search=text, status=status)
        query = select(User.id).where(*users.conditions()).limit(limit - len(found))
        found.extend(db.session.scalars(query))
    return found
