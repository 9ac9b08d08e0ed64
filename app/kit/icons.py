"""The icons that Python code names. Those of templates are found by reading the templates."""

from collections.abc import Iterable

_used: set[str] = set()


def use(names: Iterable[str]) -> None:
    """Add icons to the sprite; an empty name is none."""
    _used.update(name for name in names if name)


def used() -> set[str]:
    return set(_used)
