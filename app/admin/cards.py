"""The core's cards on the dashboard."""

from app.kit import slots
from app.kit.web import avatars
from app.models import Permission
from app.services import overview


@slots.card(
    Permission.MANAGE_USERS,
    template="partials/_statistics_card.html",
    column="full",
    order=10,
    lead="who is here",
)
def statistics() -> slots.Values:
    return {"stats": overview.statistics()}


@slots.card(
    Permission.MANAGE_USERS,
    template="partials/_new_users_card.html",
    column="wide",
    order=10,
    lead="who is new",
)
def new_users() -> slots.Values:
    return {"users": avatars.expect(overview.newest(5))}
