"""The pictures of users in the API."""

from flask import Response

from app.features.api import acts_on_user, answers, api, writes
from app.features.profile.services import pictures
from app.models import Permission, User
from app.sign_in import me

answers(pictures.PictureGone, 409, "no-picture", "The user has no picture.")


@api.delete("/users/<int:user_id>/picture", tags=["Users"])
@writes(Permission.MANAGE_USERS)
@api.response(204)
@acts_on_user("admin.remove_user_picture")
def remove_user_picture(user: User) -> Response:
    """Remove the picture of a user, who can choose another one."""
    pictures.remove(user, by=me())
    return Response(status=204)
