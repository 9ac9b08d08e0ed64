"""Plug impersonation into pages of other modules."""

from app.features.impersonation import impersonation
from app.kit import slots
from app.models import Permission, User


@slots.card(Permission.IMPERSONATE, template="partials/_impersonation_card.html", column="alone")
def how_to_begin() -> slots.Values:
    return {}


@slots.user_action(
    "admin.sign_in_as", "Sign in as them", place="header", order=30, icon="person-badge"
)
def may_sign_in_as(user: User, by: User) -> bool:
    return impersonation.may_begin(user, by=by)


slots.banner("partials/_acting.html")
