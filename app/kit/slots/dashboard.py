"""Register the cards of the dashboard."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from app.kit.slots.values import Values

Loader = Callable[[], Values | None]
Column = Literal["full", "wide", "narrow", "alone"]


@dataclass(frozen=True, slots=True)
class Card:
    """A card of the dashboard, for users who have `permission`.

    `load` returns the value of `card.data` in `template`, or None to hide the card. A card "alone"
    is shown to users who have no other card. `lead` continues the line above all cards.
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
    """Add a card to the dashboard. The decorated function returns the values of the card."""

    def register(load: Loader) -> Loader:
        _cards.append(Card(permission, template, column, order, lead, load))
        return load

    return register


def cards() -> list[Card]:
    """Return the cards of the dashboard, sorted by `order`."""
    return sorted(_cards, key=lambda one: one.order)
