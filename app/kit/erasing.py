"""Tell how long deleted users can be restored, if a feature erases them."""

from collections.abc import Callable
from datetime import timedelta

delays: list[Callable[[], timedelta]] = []  # a feature that erases users adds a function


def delay() -> timedelta | None:
    """Return the time from the deletion of a user to the erasure, or None if no feature erases."""
    return min((one() for one in delays), default=None)
