"""Two-factor authentication of users and roles in the API."""

from flask import Response
from marshmallow import fields
from werkzeug.exceptions import NotFound

from app.extensions import db
from app.features.api import ApiSchema, Flag, acts_on_user, answers, api, writes
from app.features.two_factor import services
from app.features.two_factor.models import TwoFactorRole
from app.models import Permission, Role, User
from app.sign_in import me

answers(services.NotEnabled, 409, "no-second-factor", "The user has no second factor.")


class TwoFactorDemandSchema(ApiSchema):
    """Whether a role demands a second factor of its users."""

    is_demanded = Flag(required=True)


class RoleDemandSchema(TwoFactorDemandSchema):
    """A role, and whether it demands a second factor."""

    role_id = fields.Integer(required=True)


@api.post("/users/<int:user_id>/reset-two-factor", tags=["Users"])
@writes(Permission.MANAGE_USERS)
@api.response(204)
@acts_on_user("admin.reset_two_factor")
def reset_two_factor(user: User) -> Response:
    """Reset the second factor of a user.

    Make sure that the request comes from the user. They are signed out, and get a mail.
    """
    services.reset(user, by=me())
    return Response(status=204)


@api.put("/roles/<int:role_id>/two-factor", tags=["Roles"])
@writes(Permission.MANAGE_ROLES)
@api.arguments(TwoFactorDemandSchema)
@api.response(200, RoleDemandSchema)
def demand_two_factor(values: dict[str, bool], role_id: int) -> dict[str, int]:
    """Demand a second factor of the users with a role from their next request, or stop to."""
    role = db.session.get(Role, role_id)
    if role is None:
        raise NotFound
    services.demand(role, is_demanded=values["is_demanded"], by=me())
    is_demanded = db.session.get(TwoFactorRole, role_id) is not None
    return {"role_id": role_id, "is_demanded": is_demanded}
