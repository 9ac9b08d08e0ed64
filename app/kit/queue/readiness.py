"""Hold the worker back while the database lacks the tables that its tasks need."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from flask import current_app
from sqlalchemy import inspect
from sqlalchemy.exc import OperationalError

from app.kit.database import migrations
from app.kit.database.reading import connection_to_read

GLANCE = 1  # seconds between two looks at the database


def wait_for_tables(is_stopping: Callable[[], bool], say: Callable[[str], None]) -> None:
    """Wait until a new database is migrated. Without tables, each recurring task would fail.

    In an older database, tasks run as before until an operator migrates it.
    """
    with suppress(OperationalError), connection_to_read() as connection:
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
        with suppress(OperationalError), connection_to_read() as connection:
            mismatch = migrations.problem(connection, folder)
            if mismatch is None or not mismatch.is_behind:
                return
            problem = f"{mismatch.problem} {mismatch.hint}"
        if problem != said:
            say(f"{problem} The worker waits for it.")
            said = problem
        time.sleep(GLANCE)
