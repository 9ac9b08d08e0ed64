"""Let programs create, change and delete roles."""

import unicodedata
from dataclasses import replace
from typing import Any

from flask import Response, url_for
from marshmallow import ValidationError, fields, validates

from app.extensions import db
from app.features.api import (
    NAMES_OF_PERMISSIONS,
    UNSEEN,
    ApiSchema,
    Flag,
    NameText,
    PermissionNames,
    RoleSchema,
    RowNumber,
    answers,
    answers_with,
    api,
    compares,
    ensure_match,
    get_or_404,
    invalid,
    invalid_field,
    reads_any,
    versioned,
    writes,
)
from app.features.roles import editing
from app.features.roles.editing import (
    DefaultAbove,
    DefaultRole,
    NameTaken,
    UnknownPermission,
    Values,
)
from app.features.roles.forms import NAME_LENGTH
from app.features.roles.reassign_role import MOST, TooManyUsers
from app.kit import edit_conflicts
from app.kit.web import landing_pages
from app.models import Permission, Role
from app.sign_in import me

TAGS = ["Roles"]
MANAGE = writes(Permission.MANAGE_ROLES)

answers(NameTaken, 409, "name-taken", "Another role has this name.")
answers(
    DefaultAbove,
    403,
    "insufficient-privileges",
    "The present default role has permissions that the token or its owner lacks.",
)
answers(
    DefaultRole,
    409,
    "default-role",
    "Users who register get this role, so it can neither be deleted nor administer the app.",
)
answers(
    TooManyUsers,
    409,
    "too-many-users",
    f"More than {MOST:,} users have this role. Give them another role first.",
)
answers_with(
    UnknownPermission, lambda _error: invalid_field("permissions", "Send at least one permission.")
)


class RoleChangeSchema(ApiSchema):
    """The values of a role to change. Those that are left out stay."""

    name = NameText(most=NAME_LENGTH)
    home = fields.String(attribute="index")
    default = Flag()
    permissions = PermissionNames(metadata=NAMES_OF_PERMISSIONS)

    @validates("name")
    def refuse_joiners(self, name: str, **_values: Any) -> None:
        # Characters that join or hide letters would make two names look alike.
        if any(unicodedata.category(character) == "Cf" for character in name):
            raise ValidationError(UNSEEN)

    @validates("home")
    def refuse_unknown_home(self, home: str, **_values: Any) -> None:
        if home not in landing_pages.known():
            raise ValidationError(f"Send one of {', '.join(landing_pages.known())}.")


class NewRoleSchema(RoleChangeSchema):
    """A role to create."""

    name = NameText(required=True, most=NAME_LENGTH, metadata={"example": "Editor"})
    home = fields.String(attribute="index", load_default="account")
    default = Flag(load_default=False)
    permissions = PermissionNames(required=True, metadata=NAMES_OF_PERMISSIONS)


class RoleDeletionSchema(ApiSchema):
    """The role that the users of a deleted role get."""

    move_to = RowNumber(required=True)


@api.post("/roles", tags=TAGS)
@MANAGE
@versioned
@api.arguments(NewRoleSchema)
@api.response(201, RoleSchema)
def create_role(values: dict[str, Any]) -> Any:
    """Create a role.

    A role that becomes the default replaces the present default role.
    """
    role = editing.create(Values(**values), by=me())
    return role, {"Location": url_for("api.get_role", role_id=role.id)}


@api.get("/roles/<int:role_id>", tags=TAGS)
@reads_any(Permission.MANAGE_USERS | Permission.MANAGE_ROLES)
@versioned
@api.response(200, RoleSchema)
def get_role(role_id: int) -> Role:
    """Get a role."""
    return get_or_404(Role, role_id)


@api.patch("/roles/<int:role_id>", tags=TAGS)
@MANAGE
@versioned
@api.arguments(RoleChangeSchema, example={"permissions": ["general", "view_audit"]})
@api.response(200, RoleSchema)
def change_role(values: dict[str, Any], role_id: int) -> Role:
    """Change a role, for all its users from their next request."""
    role = get_or_404(Role, role_id)
    ensure_match(RoleSchema, role)
    before = editing.values_of(role)
    seen = edit_conflicts.snapshot(before.noted())
    editing.change(role, replace(before, **values), by=me(), seen=seen)
    return role


@api.delete("/roles/<int:role_id>", tags=TAGS)
@MANAGE
@compares
@api.arguments(RoleDeletionSchema, location="query")
@api.response(204)
def delete_role(values: dict[str, Any], role_id: int) -> Response:
    """Delete a role, and give its users another one.

    Each of the users gets a mail.
    """
    role, other = get_or_404(Role, role_id), db.session.get(Role, values["move_to"])
    ensure_match(RoleSchema, role)
    if other is None or other is role:
        raise invalid(move_to="Send the id of another role.")
    editing.delete(role, move_to=other, by=me())
    return Response(status=204)
