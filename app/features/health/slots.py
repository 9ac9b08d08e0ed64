"""Plug the checks into the dashboard."""

from app.features import health
from app.kit import slots
from app.models import Permission


@slots.card(
    Permission.MANAGE_JOBS,
    template="partials/_system_card.html",
    column="narrow",
    order=10,
    lead="whether everything works",
)
def system() -> slots.Values:
    return {"system": health.system()}
