"""The dashboard, with cards for the areas that the user manages."""

from dataclasses import dataclass

from flask import render_template
from flask.typing import ResponseReturnValue

from app.admin import admin, cards  # noqa: F401 - the core's cards register themselves
from app.decorators import any_permission_required
from app.kit import slots
from app.kit.slots import Card, Column, Values
from app.models import Permission
from app.sign_in import me


@dataclass(frozen=True)
class ShownCard:
    """A card and its data."""

    template: str
    lead: str
    data: Values


@admin.get("/")
@any_permission_required(Permission.management())
def index() -> ResponseReturnValue:
    columns: dict[Column, list[ShownCard]] = {"full": [], "wide": [], "narrow": []}
    for card in slots.cards():
        if card.column != "alone":
            columns[card.column] += _shown(card)
    if not any(columns.values()):
        columns["alone"] = [one for card in slots.cards() for one in _shown(card)]
    leads = [one.lead for shown in columns.values() for one in shown if one.lead]
    return render_template("admin/index.html", columns=columns, lead=_sentence(leads))


def _shown(card: Card) -> list[ShownCard]:
    """Return the card if the user has its permission and it has data.

    The data of a card is loaded only after the check of its permission.
    """
    if not me().can(card.permission) or (data := card.load()) is None:
        return []
    return [ShownCard(card.template, card.lead, data)]


def _sentence(parts: list[str]) -> str:
    if len(parts) < 2:
        return "The parts of the app that you manage."
    return f"{', '.join(parts[:-1])}, and {parts[-1]}.".capitalize()
