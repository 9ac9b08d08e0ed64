"""Run the nightly clean-up, to which each part of the application adds a step."""

from collections.abc import Callable

_STEPS: dict[str, Callable[[], int]] = {}


def nightly(name: str, purge: Callable[[], int]) -> None:
    """Register `purge` for the nightly clean-up. It commits and returns the number of rows."""
    _STEPS[name] = purge


def run() -> dict[str, int]:
    """Run every step, and return the number of deleted rows by name."""
    return {name: purge() for name, purge in _STEPS.items()}
