"""Roles, which the feature roles lets programs change."""

from app.features.api.blueprint import api
from app.features.api.schemas import RoleSchema
from app.features.api.web.access import reads_any
from app.features.api.web.lists import whole_list
from app.models import Permission, Role
from app.services import roles


@api.get("/roles", tags=["Roles"])
@reads_any(Permission.MANAGE_USERS | Permission.MANAGE_ROLES)
@whole_list(RoleSchema)
def list_roles() -> list[Role]:
    """List all roles, by name."""
    return roles.known()
