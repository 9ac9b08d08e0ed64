"""Let transactions take turns."""

import zlib

from sqlalchemy import func, select

from app.extensions import db, is_sqlite


def take_turns(name: str) -> None:
    """Wait for each other transaction that takes turns by this name, and hold the turn to the end.

    So each of them sees what the others have written. On PostgreSQL it is an advisory lock. On
    SQLite, a transaction that writes holds the only lock.
    """
    if not is_sqlite():
        key = zlib.crc32(name.encode(errors="replace"))
        db.session.execute(select(func.pg_advisory_xact_lock(key)))
