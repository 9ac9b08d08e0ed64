"""Users, and the actions of administrators on them."""

from app.admin import tables
from app.features.api import user_rows
from app.features.api.blueprint import api
from app.features.api.schemas import UserSchema
from app.features.api.web.access import reads
from app.features.api.web.etags import versioned
from app.features.api.web.lists import Where, lists
from app.models import Permission, User

TAGS = ["Users"]


@api.get("/users", tags=TAGS)
@reads(Permission.MANAGE_USERS)
@lists(tables.users, UserSchema, rows=user_rows.load)
def list_users() -> Where:
    """List users."""
    return []


@api.get("/users/<int:user_id>", tags=TAGS)
@reads(Permission.MANAGE_USERS)
@versioned
@api.response(200, UserSchema)
def get_user(user_id: int) -> User:
    """Get a user."""
    return user_rows.get(user_id)
