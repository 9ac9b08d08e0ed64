"""Run the nightly clean-up, to which each part of the application adds a step."""

from collections.abc import Callable

_STEPS: dict[str, Callable[[], int]] = {}
_LAST: dict[str, Callable[[], int]] = {}


def nightly(name: str, purge: Callable[[], int], *, last: bool = False) -> None:
    """Register `purge` for the nightly clean-up. It commits and returns the number of rows.

    A step that is `last` deletes what the other steps leave behind.
    """
    (_LAST if last else _STEPS)[name] = purge


def run() -> dict[str, int]:
    """Run every step, and return the number of deleted rows by name."""
    return {name: purge() for name, purge in (_STEPS | _LAST).items()}
