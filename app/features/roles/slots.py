"""Plug roles into pages of other modules."""

from typing import Any

from app.extensions import db
from app.kit import slots
from app.models import Permission, Role
from app.services import roles


@slots.subject_page("role", "admin.role")
def arguments_of_page(role_id: int) -> dict[str, Any] | None:
    return {"role_id": role_id} if db.session.get(Role, role_id) else None


@slots.card(
    Permission.MANAGE_ROLES, template="partials/_roles_card.html", column="narrow", order=30
)
def roles_card() -> slots.Values:
    return {"roles": roles.known()[:5]}
