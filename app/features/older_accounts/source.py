"""Read the database of flask-base. It is never written."""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, column, create_engine, inspect, make_url, select
from sqlalchemy import table as named_table
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from settings import urls

COLUMNS = {
    "roles": ("id", "name", "permissions"),
    "users": ("id", "confirmed", "first_name", "last_name", "email", "password_hash", "role_id"),
}
MORE_COLUMNS = {"roles": {"index", "default"}}  # read by flask-base alone
OWN_TABLE = "user_sessions"  # flask-base has no such table
BATCH = 500


class UnknownSource(Exception):
    """The URL leads to no database of flask-base. The message is for the operator."""


class OldDatabase:
    """An open database of flask-base, in one snapshot."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        found = inspect(connection)
        names = sorted(found.get_table_names())
        self.columns = {one: {str(c["name"]) for c in found.get_columns(one)} for one in names}
        if OWN_TABLE in self.columns:
            raise UnknownSource("This is a database of this application, and not of flask-base.")
        for name, needed in COLUMNS.items():
            if missing := set(needed) - self.columns.get(name, set()):
                raise UnknownSource(
                    f"The table {name} lacks {', '.join(sorted(missing))}: this is no database of "
                    "flask-base."
                )

    def rows(self, name: str, columns: Iterable[str]) -> Iterator[Mapping[str, Any]]:
        """Yield the rows of a table in the order of their ids, without loading all at once."""
        chosen: Any = [column(one) for one in columns]
        query = select(*chosen).select_from(named_table(name)).order_by(column("id"))
        options = {"stream_results": True, "yield_per": BATCH}
        for row in self._connection.execute(query, execution_options=options).mappings():
            yield dict(row)

    def left_out(self, read: Mapping[str, Iterable[str]]) -> list[str]:
        """Return the tables and columns that are not among `read`, as in `posts` or `users.age`."""
        found = []
        for name, columns in self.columns.items():
            if name not in read:
                found += [name] if name != "alembic_version" else []
                continue
            known = {*read[name], *MORE_COLUMNS.get(name, ())}
            found += [f"{name}.{one}" for one in sorted(columns - known)]
        return found


@contextmanager
def opened(given: str) -> Iterator[OldDatabase]:
    """Open the database at a URL for reading. Raises UnknownSource."""
    try:
        url = make_url(urls.database(given))
    except ValueError as error:
        raise UnknownSource(f"SOURCE_URL {error}") from None
    with ExitStack() as stack:
        try:
            connection = stack.enter_context(_engine(url).connect())
            old = OldDatabase(connection)
        except SQLAlchemyError as error:
            cause = str(getattr(error, "orig", None) or error).partition("\n")[0]
            raise UnknownSource(f"The old database cannot be read: {cause}") from error
        yield old


def _engine(url: URL) -> Engine:
    if url.get_backend_name() != "sqlite":
        # One snapshot, so that a role that is read later still fits the users.
        options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        return create_engine(url, poolclass=NullPool, execution_options=options)
    file = Path(url.database or "")
    if not file.is_file():
        raise UnknownSource(f"There is no file {file}.")

    def connect() -> sqlite3.Connection:
        # SQLite would create a missing file, or write a journal beside it.
        connection = sqlite3.connect(f"file:{quote(str(file.resolve()))}?mode=ro", uri=True)
        connection.text_factory = lambda data: data.decode(errors="replace")
        return connection

    return create_engine("sqlite://", creator=connect, poolclass=NullPool)
