"""Pause between the transactions of a batch."""

import time

from app.extensions import is_sqlite

# SQLite's busy handler polls, so sleep to let other writers in.
PAUSE_ON_SQLITE = 0.02  # seconds


def let_others_write() -> None:
    """Pause between the transactions of a batch on SQLite, which has one writer at a time."""
    if is_sqlite():
        time.sleep(PAUSE_ON_SQLITE)
