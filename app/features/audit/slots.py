"""Where the feature plugs into pages of others."""

from app.features.audit.services import latest
from app.kit import slots
from app.models import Permission


@slots.card(
    Permission.VIEW_AUDIT, template="partials/_latest_events_card.html", column="wide", order=20
)
def latest_events() -> slots.Values:
    return {"events": latest.latest(6)}
