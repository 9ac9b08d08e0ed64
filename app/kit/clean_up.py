"""The nightly clean-up: each part of the application adds what it deletes."""

from collections.abc import Callable

_STEPS: dict[str, Callable[[], int]] = {}


def nightly(name: str, purge: Callable[[], int]) -> None:
    """Have the clean-up call `purge`, which commits and returns how many rows it deleted."""
    _STEPS[name] = purge


def run() -> dict[str, int]:
    """Delete what is no longer needed, and return how many rows of each."""
    return {name: purge() for name, purge in _STEPS.items()}
