"""Undo a part of a transaction, with the events in it."""

from collections.abc import Iterator
from contextlib import contextmanager

from app.extensions import db


@contextmanager
def savepoint() -> Iterator[None]:
    """Roll back the block if it fails. The log gets no line for an event that was undone."""
    db.session.flush()
    lines = db.session.info.setdefault("audit", [])
    count = len(lines)
    try:
        with db.session.begin_nested():
            yield
    except BaseException:
        del lines[count:]
        raise
