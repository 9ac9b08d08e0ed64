"""Plug the audit trail into pages of other modules."""

from app.features.audit.services import finding, words
from app.kit import slots
from app.models import Permission, User


@slots.card(
    Permission.VIEW_AUDIT, template="partials/_latest_events_card.html", column="wide", order=20
)
def latest_events() -> slots.Values:
    return {"events": finding.newest(6), "words": words.what}


@slots.user_panel("partials/_user_events_panel.html", order=10)
def events_of_user(user: User, _by: User) -> slots.Values:
    return {"events": finding.about_user(user), "words": words.what}
