"""Hold the worker back while the database lacks the tables that its tasks need."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from flask import current_app
from sqlalchemy import Connection, inspect
from sqlalchemy.exc import OperationalError

from app.extensions import db
from app.kit.database import migrations, reading_only

GLANCE = 1  # seconds between two looks at the database


def wait_for_tables(is_stopping: Callable[[], bool], say: Callable[[str], None]) -> None:
    """Wait until a new database is migrated. Without tables, each recurring task would fail.

    In an older database, tasks run as before until an operator migrates it.
    """
    with suppress(OperationalError), _connection_to_read() as connection:
        if set(inspect(connection).get_table_names()) - {"alembic_version"}:
            return
    wait_for_migrations(is_stopping, say)


def wait_for_migrations(is_stopping: Callable[[], bool], say: Callable[[str], None]) -> None:
    """Wait until the database has the migrations of the code, which a developer may just write.

    `say` gets the reason in words.
    """
    folder, said = Path(current_app.extensions["migrate"].directory), ""
    while not is_stopping():
        problem = "The database does not answer."
        with suppress(OperationalError), _connection_to_read() as connection:
            mismatch = migrations.problem(connection, folder)
            if mismatch is None or not mismatch.is_behind:
                return
            problem = f"{mismatch.problem} {mismatch.hint}"
        if problem != said:
            say(f"{problem} The worker waits for it.")
            said = problem
        time.sleep(GLANCE)


@contextmanager
def _connection_to_read() -> Iterator[Connection]:
    """Connect without the write lock of SQLite, which a migration or a long form may hold."""
    before = reading_only.set(True)
    try:
        with db.engine.connect() as connection:
            yield connection
    finally:
        reading_only.reset(before)
