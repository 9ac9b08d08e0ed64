"""The places of pages where the core and the features plug in.

Menus are data: the core's own entries are in `app/core.toml`, those of a feature in its
`feature.toml`. The rest is registered by decorators, features' in their module `slots`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, TypeVar

from app.kit import features
from settings import manifests
from settings.manifests import MenuEntry

Values = Mapping[str, Any]
Loader = Callable[[], Values | None]
Column = Literal["full", "wide", "narrow", "alone"]
Target = TypeVar("Target", bound=Callable[..., Any])


@cache
def menu(name: str) -> tuple[MenuEntry, ...]:
    """Return the entries of a menu by their `order`, also those that a visitor may not open."""
    menus = [features.core().menu]
    menus += [manifest.menu for manifest in features.installed().values() if not manifest.off]
    return tuple(sorted((entry for one in menus for entry in one[name]), key=lambda e: e.order))


def icons() -> set[str]:
    """Return the icons of all menus, for the sprite."""
    return {entry.icon for name in manifests.MENUS for entry in menu(name) if entry.icon}


# Cards of the dashboard


@dataclass(frozen=True, slots=True)
class Card:
    """A card of the dashboard, for users who have `permission`.

    `load` returns what `template` shows as `card.data`, or None to leave the card out. A card
    "alone" is shown to users who have no other card. `lead` continues the line above all cards.
    """

    permission: int
    template: str
    column: Column
    order: int
    lead: str
    load: Loader


_cards: list[Card] = []


def card(
    permission: int, *, template: str, column: Column, order: int = 100, lead: str = ""
) -> Callable[[Loader], Loader]:
    """Add a card to the dashboard; the decorated function returns what the card shows."""

    def register(load: Loader) -> Loader:
        _cards.append(Card(permission, template, column, order, lead, load))
        return load

    return register


def cards() -> list[Card]:
    """Return the cards of the dashboard in their order."""
    return sorted(_cards, key=lambda one: one.order)


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
