"""The data of users in the API."""

from flask import Response

from app.features.api import acts_on_user, api, writes
from app.features.own_data import exports
from app.models import Permission, User
from app.sign_in import me


@api.post("/users/<int:user_id>/collect-data", tags=["Users"])
@writes(Permission.MANAGE_USERS)
@api.response(204)
@acts_on_user("admin.collect_user_data")
def collect_user_data(user: User) -> Response:
    """Collect the data of a user, who gets a mail and downloads it.

    No program can download it.
    """
    exports.ask(user, by=me())
    return Response(status=204)
