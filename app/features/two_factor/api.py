"""Two-factor authentication of users and roles in the API."""

from flask import Response
from marshmallow import fields

from app.extensions import db
from app.features.api import ApiSchema, Flag, acts_on_user, answers, api, get_or_404, reads, writes
from app.features.two_factor import services
from app.features.two_factor.codes import NotEnabled
from app.features.two_factor.models import TwoFactorRole
from app.models import Permission, Role, User
from app.sign_in import me

answers(NotEnabled, 409, "no-second-factor", "The user has no second factor.")


class TwoFactorDemandSchema(ApiSchema):
    """Whether a role requires a second factor of its users."""

    is_demanded = Flag(required=True)


class RoleDemandSchema(TwoFactorDemandSchema):
    """A role, and whether it requires a second factor."""

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


@api.get("/roles/<int:role_id>/two-factor", tags=["Roles"])
@reads(Permission.MANAGE_ROLES)
@api.response(200, RoleDemandSchema)
def get_two_factor_demand(role_id: int) -> dict[str, int]:
    """Get whether a role requires a second factor of its users."""
    return _demand_of(get_or_404(Role, role_id))


@api.put("/roles/<int:role_id>/two-factor", tags=["Roles"])
@writes(Permission.MANAGE_ROLES)
@api.arguments(TwoFactorDemandSchema)
@api.response(200, RoleDemandSchema)
def demand_two_factor(values: dict[str, bool], role_id: int) -> dict[str, int]:
    """Require a second factor of the users with a role from their next request, or stop to."""
    role = get_or_404(Role, role_id)
    services.demand(role, is_demanded=values["is_demanded"], by=me())
    return _demand_of(role)


def _demand_of(role: Role) -> dict[str, int]:
    is_demanded = db.session.get(TwoFactorRole, role.id) is not None
    return {"role_id": role.id, "is_demanded": is_demanded}
