"""Where the feature plugs into pages of others."""

from app.kit import slots
from app.models import Permission


@slots.card(Permission.IMPERSONATE, template="partials/_impersonation_card.html", column="alone")
def how_to_begin() -> slots.Values:
    return {}
