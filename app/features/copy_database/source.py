"""Read the tables of a SQLite database while nobody writes to it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import make_url

from settings import urls

LOCK_TIMEOUT = 5  # seconds to wait for a writer
BATCH = 500  # rows to read at once
# Tables that SQLite makes for a virtual table.
SHADOWS = ("_data", "_idx", "_content", "_docsize", "_config")


class CannotCopy(Exception):
    """The databases are not as they have to be, as the message says."""


class SQLiteSource:
    """A SQLite database, locked so that other processes read and do not write."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def revisions(self) -> set[str]:
        """Return the migrations that were applied last, one of each branch."""
        if not self._values("SELECT name FROM sqlite_master WHERE name = 'alembic_version'"):
            return set()
        return set(self._values("SELECT version_num FROM alembic_version"))

    def tables(self) -> list[str]:
        """Return the names of the tables with rows of the app, without those of search indexes."""
        virtual = self._values(
            "SELECT name FROM sqlite_master WHERE sql LIKE 'CREATE VIRTUAL TABLE%'"
        )
        made = {*virtual, *(f"{name}{end}" for name in virtual for end in SHADOWS)}
        names = self._values(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' "
            "ESCAPE '\\' ORDER BY name"
        )
        return [name for name in names if name not in made]

    def columns(self, table: str) -> set[str]:
        """Return the names of the columns of a table that are not generated."""
        found = self._connection.execute(f"PRAGMA table_xinfo({_quoted(table)})")
        return {name for _cid, name, *_others, hidden in found if not hidden}

    def count(self, table: str) -> int:
        (number,) = self._values(f"SELECT count(*) FROM {_quoted(table)}")  # noqa: S608 - quoted
        return int(number)

    def rows(
        self, table: str, columns: Sequence[str], key: Sequence[str]
    ) -> Iterator[Sequence[Any]]:
        """Yield the rows of a table as SQLite stores them, in the order of the key."""
        names = ", ".join(map(_quoted, columns))
        order = f" ORDER BY {', '.join(map(_quoted, key))}" if key else ""
        query = f"SELECT {names} FROM {_quoted(table)}{order}"  # noqa: S608 - quoted
        with closing(self._connection.cursor()) as cursor:
            cursor.arraysize = BATCH
            cursor.execute(query)
            while batch := cursor.fetchmany():
                yield from batch

    def last_number(self, table: str) -> int:
        """Return the highest id that a table has given out, also to a row that is deleted."""
        if not self._values("SELECT name FROM sqlite_master WHERE name = 'sqlite_sequence'"):
            return 0
        query = "SELECT seq FROM sqlite_sequence WHERE name = ?"
        return max((int(value) for value in self._values(query, table)), default=0)

    def highest(self, table: str, column: str) -> int:
        query = f"SELECT max({_quoted(column)}) FROM {_quoted(table)}"  # noqa: S608 - quoted
        return int(self._values(query)[0] or 0)

    def orphans(self, most: int) -> list[str]:
        """Return sentences about rows that refer to missing rows."""
        found = self._connection.execute("PRAGMA foreign_key_check").fetchmany(most)
        return [
            f"{table}, row {row}: refers to a row of {parent} that is missing"
            for table, row, parent, _number in found
        ]

    def _values(self, query: str, *values: object) -> list[Any]:
        return [row[0] for row in self._connection.execute(query, values)]


@contextmanager
def opened(url: str) -> Iterator[SQLiteSource]:
    """Open and lock the database at a URL. Raises CannotCopy."""
    try:
        parsed = make_url(urls.database(url))
    except ValueError as error:
        raise CannotCopy(f"The source {error}") from None
    if parsed.get_backend_name() != "sqlite":
        raise CannotCopy(
            "The source has to be SQLite. Between databases of PostgreSQL, use pg_dump and "
            "pg_restore. From PostgreSQL to SQLite there is no way."
        )
    path = Path(parsed.database or "")
    if not path.is_file():
        raise CannotCopy(f"There is no file {path}.")
    try:
        with closing(_locked(path)) as connection:
            yield SQLiteSource(connection)
    except sqlite3.Error as error:
        raise CannotCopy(f"The source cannot be read: {error}.") from None


def _locked(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.resolve().as_uri()}?mode=rw", uri=True, timeout=LOCK_TIMEOUT, isolation_level=None
    )
    # A text that is no UTF-8 is found when its value is converted, with its row and its column.
    connection.text_factory = lambda text: text.decode("utf-8", "surrogateescape")
    try:
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        connection.close()
        if "locked" not in str(error):
            raise
        raise CannotCopy(
            "Somebody writes to the source. Stop the web and worker processes, then try again."
        ) from None
    return connection


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
