"""Read the database from outside of a request, without the write lock of SQLite."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

from app.extensions import db
from app.kit.database import reading_only


@contextmanager
def connection_to_read() -> Iterator[Connection]:
    """Connect without the write lock of SQLite, which a migration or a long form may hold."""
    before = reading_only.set(True)
    try:
        with db.engine.connect() as connection:
            yield connection
    finally:
        reading_only.reset(before)
