"""Databases that tests make for themselves, on the engine that TEST_DATABASE_URL chooses."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from sqlalchemy import create_engine, make_url, text
from sqlalchemy.pool import NullPool

import config


@contextmanager
def own_database(folder: Path, name: str, *, like: str = "") -> Iterator[str]:
    """Yield the URL of a new database: a file in `folder`, or one beside TEST_DATABASE_URL's.

    It is empty, or a copy of the one at the URL `like`, to which nobody is connected.
    """
    given = make_url(config.load("testing").SQLALCHEMY_DATABASE_URI)
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
        connection.execute(text(f'CREATE DATABASE "{own}" {template}'))
    yield given.set(database=own).render_as_string(hide_password=False)
    with server.connect() as connection:
        connection.execute(text(f'DROP DATABASE "{own}" WITH (FORCE)'))


def give_each_process_its_own() -> None:
    """Set TEST_DATABASE_URL to a database of this process when pytest-xdist runs several.

    Each is named after the database that is given, such as kit_test_gw1, made where it is missing
    and used again by the next run. SQLite's is in memory, so each process has its own anyway.
    """
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    given = make_url(config.load("testing").SQLALCHEMY_DATABASE_URI)
    if not worker or given.get_backend_name() == "sqlite":
        return
    own = given.set(database=f"{given.database}_{worker}")
    server = create_engine(given, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with server.connect() as connection:
        exists = text("SELECT 1 FROM pg_database WHERE datname = :name")
        if not connection.scalar(exists, {"name": own.database}):
            connection.execute(text(f'CREATE DATABASE "{own.database}"'))
    os.environ["TEST_DATABASE_URL"] = own.render_as_string(hide_password=False)
