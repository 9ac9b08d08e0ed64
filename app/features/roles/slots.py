"""Where the feature plugs into pages of others."""

from typing import Any

from app.extensions import db
from app.kit import slots
from app.models import Role


@slots.subject_page("role", "admin.role")
def arguments_of_page(role_id: int) -> dict[str, Any] | None:
    return {"role_id": role_id} if db.session.get(Role, role_id) else None
