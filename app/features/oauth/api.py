"""The linked accounts of users in the API."""

from flask import Response

from app.features.api import acts_on_user, answers, api, writes
from app.features.oauth import services
from app.models import Permission, User
from app.sign_in import me

answers(services.NotLinked, 409, "no-linked-account", "The user has no linked account.")


@api.post("/users/<int:user_id>/unlink-accounts", tags=["Users"])
@writes(Permission.MANAGE_USERS)
@api.response(204)
@acts_on_user("admin.unlink_accounts")
def unlink_accounts(user: User) -> Response:
    """Unlink all accounts of a user at other providers.

    The user is signed out, and gets a mail.
    """
    services.reset(user, by=me())
    return Response(status=204)
