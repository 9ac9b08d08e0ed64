"""Let programs delete users and restore them."""

from flask import Response

from app.features.api import UserSchema, acts_on_user, api, writes
from app.features.deletion import deletions
from app.models import Permission, User
from app.sign_in import me

TAGS = ["Users"]


@api.delete("/users/<int:user_id>", tags=TAGS)
@writes(Permission.MANAGE_USERS)
@api.response(204)
@acts_on_user("admin.delete_user")
def delete_user(user: User) -> Response:
    """Delete a user, who can be restored until the account is erased.

    The user is signed out, and gets a mail.
    """
    deletions.delete(user, by=me())
    return Response(status=204)


@api.post("/users/<int:user_id>/restore", tags=TAGS)
@writes(Permission.MANAGE_USERS)
@api.response(200, UserSchema)
@acts_on_user("admin.restore_user")
def restore_user(user: User) -> User:
    """Restore a deleted user as the account was."""
    deletions.restore(user, by=me())
    return user
