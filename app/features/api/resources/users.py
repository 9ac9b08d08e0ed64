"""Users: reading, creating and changing them."""

from typing import Any

from flask import url_for

from app.admin import tables
from app.features.api import user_rows
from app.features.api.blueprint import api
from app.features.api.schemas import NewUserSchema, UserChangeSchema, UserSchema
from app.features.api.web.access import reads, writes
from app.features.api.web.etags import versioned
from app.features.api.web.lists import Where, lists
from app.features.api.web.problems import ApiProblem, invalid_field
from app.features.api.web.user_actions import acts_on_user, seen_of
from app.models import Permission, Role, User
from app.services import users
from app.sign_in import me

TAGS = ["Users"]
ONE_AT_A_TIME = (
    "Send names, the email or the role, each in a request of its own. Each is a change of its own, "
    "with a mail and an event."
)


@api.get("/users", tags=TAGS)
@reads(Permission.MANAGE_USERS)
@lists(tables.users, UserSchema, rows=user_rows.load)
def list_users() -> Where:
    """List users.

    Deleted users are listed with `status=deleted` alone.
    """
    return []


@api.post("/users", tags=TAGS)
@writes(Permission.MANAGE_USERS)
@versioned
@api.arguments(NewUserSchema)
@api.response(201, UserSchema)
def create_user(values: dict[str, Any]) -> Any:
    """Create a user who can sign in at once.

    The user gets a mail without the password.
    """
    role = _role(values.pop("role_id", None))
    user = users.create(**values, role=role, by=me())
    return user, {"Location": url_for("api.get_user", user_id=user.id)}


@api.get("/users/<int:user_id>", tags=TAGS)
@reads(Permission.MANAGE_USERS)
@versioned
@api.response(200, UserSchema)
def get_user(user_id: int) -> User:
    """Get a user."""
    return user_rows.get(user_id)


@api.patch("/users/<int:user_id>", tags=TAGS)
@writes(Permission.MANAGE_USERS)
@versioned
@api.arguments(UserChangeSchema, example={"role_id": 1})
@api.response(200, UserSchema)
@acts_on_user("admin.change_user_name")
def change_user(values: dict[str, Any], user: User) -> User:
    """Change the names, the email or the role of a user.

    A new email signs the user out, and both addresses get a mail. A new role takes effect with the
    next request of the user.
    """
    seen, by = seen_of(user), me()
    match sorted({name.rpartition("_name")[1] or name for name in values}):
        case []:
            pass
        case ["_name"]:
            names = {"first_name": user.first_name, "last_name": user.last_name} | values
            users.change_name(user, **names, by=by, seen=seen)
        case ["email"]:
            users.change_email(user, email=values["email"], by=by, seen=seen)
        case ["role_id"]:
            users.change_role(user, role=_role(values["role_id"]), by=by, seen=seen)
        case _:
            raise ApiProblem(422, "one-change-at-a-time", ONE_AT_A_TIME)
    return user


def _role(role_id: int | None) -> Role:
    """Return a role that a body names, or the default role. Raises ApiProblem."""
    if (role := user_rows.role(role_id)) is None:
        raise invalid_field("role_id", "There is no such role.")
    return role
