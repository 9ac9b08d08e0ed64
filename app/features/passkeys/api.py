"""The passkeys of users in the API."""

from flask import Response

from app.features.api import acts_on_user, answers, api, writes
from app.features.passkeys import services
from app.models import Permission, User
from app.sign_in import me

answers(services.NoPasskeys, 409, "no-passkeys", "The user has no passkeys.")


@api.post("/users/<int:user_id>/reset-passkeys", tags=["Users"])
@writes(Permission.MANAGE_USERS)
@api.response(204)
@acts_on_user("admin.reset_passkeys")
def reset_passkeys(user: User) -> Response:
    """Remove the passkeys of a user.

    Make sure that the request comes from the user. They are signed out, and get a mail.
    """
    services.reset(user, by=me())
    return Response(status=204)
