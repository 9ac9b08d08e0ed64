"""The places of pages where the core and the features plug in.

The core's own entries of the menus are in `app/core.toml`, those of a feature in its
`feature.toml`.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from app.kit import features
from settings import manifests
from settings.manifests import MenuEntry

CORE = Path(__file__).parents[1] / "core.toml"


@cache
def menu(name: str) -> tuple[MenuEntry, ...]:
    """Return the entries of a menu by their `order`, also those that a visitor may not open."""
    menus = [manifests.read_menus(CORE)]
    menus += [manifest.menu for manifest in features.installed().values() if not manifest.off]
    return tuple(sorted((entry for one in menus for entry in one[name]), key=lambda e: e.order))


def icons() -> set[str]:
    """Return the icons of all menus, for the sprite."""
    return {entry.icon for name in manifests.MENUS for entry in menu(name) if entry.icon}


# The pages of the rows that events are about

RowArguments = Callable[[int], dict[str, Any] | None]
_subject_pages: dict[str, tuple[str, RowArguments]] = {}


def subject_page(kind: str, endpoint: str) -> Callable[[RowArguments], RowArguments]:
    """Register the page of rows of a kind, to which the event about such a row leads.

    `kind` is the name of the model in lower case. The function returns the arguments of the page of
    the row with an id, or None if the row is gone.
    """

    def register(arguments: RowArguments) -> RowArguments:
        _subject_pages[kind] = endpoint, arguments
        return arguments

    return register


def subject_page_of(kind: str, row_id: int | None) -> tuple[str, dict[str, Any]] | None:
    """Return the endpoint and the arguments of the page of a row, or None if it has none."""
    if kind not in _subject_pages or row_id is None:
        return None
    endpoint, arguments_of = _subject_pages[kind]
    arguments = arguments_of(row_id)
    return None if arguments is None else (endpoint, arguments)
