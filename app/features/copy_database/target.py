"""Write the tables of a PostgreSQL database in one transaction, and read them again."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import URL, Connection, NullPool, create_engine, inspect
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.exc import SAWarning
from sqlalchemy.types import JSON, TypeEngine

from app.features.copy_database.source import CannotCopy

VERSIONS = "alembic_version"
BATCH = 1000  # rows to read at once
LOCK_WAIT = "5s"


@dataclass(frozen=True)
class TargetTable:
    """A table of PostgreSQL: its columns with their types, and its primary key."""

    name: str
    columns: Mapping[str, TypeEngine[Any]]
    key: Sequence[str]

    @property
    def is_jsonb(self) -> list[bool]:
        return [isinstance(kind, pg.JSONB) for kind in self.columns.values()]


class PostgresTarget:
    """A PostgreSQL database in a transaction, in which nobody else uses its tables."""

    def __init__(self, connection: Connection) -> None:
        self._inspector = inspect(connection)
        driver: Any = connection.connection.driver_connection
        self._connection: psycopg.Connection[Any] = driver
        self._foreign_keys: list[tuple[str, str, str]] = []

    def revisions(self) -> set[str]:
        if not self._inspector.has_table(VERSIONS):
            return set()
        return {
            row[0] for row in self._connection.execute("SELECT version_num FROM alembic_version")
        }

    def tables(self) -> dict[str, TargetTable]:
        """Return the tables of the app by name. A generated column is left out."""
        with warnings.catch_warnings(action="ignore", category=SAWarning):  # of unknown types
            columns = self._inspector.get_multi_columns()
        keys = self._inspector.get_multi_pk_constraint()
        return {
            name: TargetTable(
                name,
                {one["name"]: one["type"] for one in found if "computed" not in one},
                keys[place]["constrained_columns"],
            )
            for place, found in sorted(columns.items(), key=lambda pair: str(pair[0][1]))
            if (name := str(place[1])) != VERSIONS
        }

    def lock(self) -> None:
        """Keep others away from all tables until the end. Raises CannotCopy if they are in use."""
        for setting in (
            "statement_timeout = 0",
            f"lock_timeout = '{LOCK_WAIT}'",
            "timezone = 'UTC'",
        ):
            self._connection.execute(f"SET LOCAL {setting}".encode())
        if names := self._inspector.get_table_names():
            tables = sql.SQL(", ").join(map(sql.Identifier, names))
            try:
                self._connection.execute(sql.SQL("LOCK TABLE {}").format(tables))
            except psycopg.errors.LockNotAvailable:
                raise CannotCopy("The target is in use. Stop what is connected to it.") from None

    def is_utf8(self) -> bool:
        return bool(self._value("SHOW server_encoding") == "UTF8")

    def take_off_foreign_keys(self) -> None:
        """Drop the foreign keys until the rows are there, because they may form rings."""
        self._foreign_keys = self._connection.execute(
            "SELECT c.relname, f.conname, pg_get_constraintdef(f.oid) FROM pg_constraint f "
            "JOIN pg_class c ON c.oid = f.conrelid "
            "WHERE f.contype = 'f' AND c.relnamespace = current_schema()::regnamespace"
        ).fetchall()
        for table, name, _definition in self._foreign_keys:
            self._alter(table, sql.SQL("DROP CONSTRAINT {}").format(sql.Identifier(name)))

    def count(self, name: str) -> int:
        query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(name))
        return int(self._value(query))

    def add(self, table: TargetTable, rows: Iterable[Sequence[Any]]) -> None:
        """Add rows to a table. Raises CannotCopy if PostgreSQL refuses one."""
        names = sql.SQL(", ").join(map(sql.Identifier, table.columns))
        order = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table.name), names)
        try:
            with self._connection.cursor() as cursor, cursor.copy(order) as copy:
                for row in rows:
                    copy.write_row(row)
        except psycopg.Error as error:
            raise CannotCopy(f"{table.name}: {_reason(error)}") from None

    def restore_foreign_keys(self) -> None:
        """Put the foreign keys back, which examines all rows. Raises CannotCopy."""
        for table, name, definition in self._foreign_keys:
            constraint = sql.SQL(f"ADD CONSTRAINT {{}} {definition}").format(sql.Identifier(name))
            try:
                self._alter(table, constraint)
            except psycopg.Error as error:
                raise CannotCopy(f"{table}: {_reason(error)}") from None

    def go_on_after(self, table: TargetTable, number: int) -> None:
        """Let the ids of new rows begin after `number`."""
        for column in table.key if number else ():
            find = sql.SQL("SELECT pg_get_serial_sequence({}, {})").format(
                sql.Literal(f'"{table.name}"'), sql.Literal(column)
            )
            if sequence := self._value(find):
                self._connection.execute("SELECT setval(%s::regclass, %s)", (sequence, number))

    def roll_back(self) -> None:
        self._connection.rollback()

    def rows(self, table: TargetTable) -> Iterator[Sequence[Any]]:
        """Yield the rows of a table in any order. JSON comes as text."""
        names = [
            sql.SQL("{}::text").format(sql.Identifier(name))
            if isinstance(kind, JSON)
            else sql.Identifier(name)
            for name, kind in table.columns.items()
        ]
        query = sql.SQL("SELECT {} FROM {}").format(
            sql.SQL(", ").join(names), sql.Identifier(table.name)
        )
        with self._connection.cursor(name="copied") as cursor:
            cursor.itersize = BATCH
            yield from cursor.execute(query)

    def _alter(self, table: str, change: sql.Composed) -> None:
        self._connection.execute(sql.SQL("ALTER TABLE {} ").format(sql.Identifier(table)) + change)

    def _value(self, query: Any) -> Any:
        row = self._connection.execute(query).fetchone()
        return row[0] if row else None


@contextmanager
def opened(url: URL) -> Iterator[PostgresTarget]:
    """Open a transaction, which ends with a commit unless the block raises an error.

    Raises CannotCopy.
    """
    engine = create_engine(url, poolclass=NullPool, hide_parameters=True)
    with engine.begin() as connection:
        found = PostgresTarget(connection)
        found.lock()
        yield found


def analyse(url: URL) -> None:
    """Analyse the tables, so that PostgreSQL plans its first queries well."""
    engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql("ANALYZE")


def _reason(error: psycopg.Error) -> str:
    told = [error.diag.message_primary or str(error), error.diag.message_detail or ""]
    return " ".join(filter(None, told)).replace("\n", " ")
