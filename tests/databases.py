"""Create databases for tests, on the engine that TEST_DATABASE_URL chooses."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from uuid import uuid4

from sqlalchemy import URL, create_engine, make_url, text
from sqlalchemy.pool import NullPool

import config

# Reasons to skip a test.
NEEDS_POSTGRESQL = "PostgreSQL is needed: set TEST_DATABASE_URL."
NEEDS_SQLITE = "SQLite is needed: unset TEST_DATABASE_URL."


@cache
def chosen() -> URL:
    """Return the URL of the database that TEST_DATABASE_URL chooses."""
    return make_url(config.load("testing").SQLALCHEMY_DATABASE_URI)


@contextmanager
def own_database(folder: Path, name: str, *, like: str = "") -> Iterator[str]:
    """Yield the URL of a new database: a file in `folder`, or on the server of TEST_DATABASE_URL.

    It is empty, or a copy of the database at the URL `like`, which must have no connections.
    """
    given = chosen()
    if given.get_backend_name() == "sqlite":
        file = folder / f"{name}.sqlite"
        if like:
            shutil.copy(make_url(like).database or "", file)
        yield f"sqlite:///{file}"
        return
    template = f'TEMPLATE "{make_url(like).database}"' if like else ""
    own = f"{name}_{uuid4().hex}"
    server = create_engine(given, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with server.connect() as connection:
        # A copy through the log, the default since PostgreSQL 15, takes several times as long.
        is_new = connection.dialect.server_version_info >= (15,)
        strategy = "STRATEGY file_copy" if is_new else ""
        connection.execute(text(f'CREATE DATABASE "{own}" {template} {strategy}'))
    yield given.set(database=own).render_as_string(hide_password=False)
    with server.connect() as connection:
        connection.execute(text(f'DROP DATABASE "{own}" WITH (FORCE)'))


def give_each_process_its_own() -> None:
    """Give each process of pytest-xdist its own database in TEST_DATABASE_URL.

    Its name is that of the given database with a suffix, such as kit_test_gw1. It is created if
    missing, and the next run uses it again. SQLite needs none, because it is in memory.
    """
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    given = chosen()
    if not worker or given.get_backend_name() == "sqlite":
        return
    own = given.set(database=f"{given.database}_{worker}")
    server = create_engine(given, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with server.connect() as connection:
        exists = text("SELECT 1 FROM pg_database WHERE datname = :name")
        if not connection.scalar(exists, {"name": own.database}):
            connection.execute(text(f'CREATE DATABASE "{own.database}"'))
    os.environ["TEST_DATABASE_URL"] = own.render_as_string(hide_password=False)
    chosen.cache_clear()
    chosen()  # now, before a test replaces the environment
