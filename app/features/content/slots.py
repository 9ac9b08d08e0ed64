"""Plug editable pages into the dashboard."""

from app.kit import slots
from app.kit.web.restrict import has_endpoint
from app.models import Permission


@slots.card(
    Permission.MANAGE_CONTENT, template="partials/_pages_card.html", column="narrow", order=40
)
def pages() -> slots.Values | None:
    return {} if has_endpoint("main.about") else None
