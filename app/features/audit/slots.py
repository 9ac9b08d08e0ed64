"""Plug the audit trail into pages of other modules."""

from app.features import audit
from app.kit import slots
from app.models import Permission, User


@slots.card(
    Permission.VIEW_AUDIT, template="partials/_latest_events_card.html", column="wide", order=20
)
def latest_events() -> slots.Values:
    return {"events": audit.newest(6), "words": audit.what}


@slots.user_panel("partials/_user_events_panel.html", order=10)
def events_of_user(user: User, _by: User) -> slots.Values:
    return {"events": audit.about_user(user), "words": audit.what}
