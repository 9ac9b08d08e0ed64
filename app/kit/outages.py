"""Remember for a while that another server was away, so that few visitors wait for it.

Each process remembers for itself.
"""

import time

from flask import current_app

OUTAGES = "outages"  # key of app.extensions


def note(server: str, *, seconds: float) -> None:
    """Remember for so many seconds that `server` was away. Any text may name it."""
    current_app.extensions.setdefault(OUTAGES, {})[server] = time.monotonic() + seconds


def is_noted(server: str) -> bool:
    ends: float = current_app.extensions.get(OUTAGES, {}).get(server, 0)
    return time.monotonic() < ends
