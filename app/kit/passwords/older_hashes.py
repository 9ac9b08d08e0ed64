"""Find the methods of the password hashes older than argon2, in an index of their table."""

from sqlalchemy import TextClause, text

from app.extensions import db
from app.kit import passwords

# Hashes of Werkzeug, and their method: the text up to and with the first `$`. `rtrim` removes the
# hash and then the salt, neither of which contains a `$`. Both databases support it.
OLDER = "substr(password_hash, 1, 7) <> '$argon2'"
_NO_DOLLAR = "replace(password_hash, '$', '')"
OLDER_METHOD = f"rtrim(rtrim(rtrim(password_hash, {_NO_DOLLAR}), '$'), {_NO_DOLLAR})"


def next_method(table: str) -> TextClause:
    """Return the query for the next method, so that listing all takes one query for each."""
    return text(
        f"SELECT {OLDER_METHOD} FROM {table} WHERE {OLDER} AND {OLDER_METHOD} > :last"  # noqa: S608
        f" ORDER BY {OLDER_METHOD} LIMIT 1"
    )


def methods(table: str) -> list[str]:
    """Return the methods in a table, as passwords.older_method returns them."""
    found, last = [], ""
    while following := db.session.scalar(next_method(table), {"last": last}):
        last = str(following)
        found.append(passwords.older_method(last))
    return found
