"""The admin views that reset a second factor, and require one for a role."""

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.admin import admin
from app.admin.user_actions import ask_to_confirm, back_to, name_of, to_user
from app.decorators import fresh_sign_in_required, permission_required
from app.extensions import db
from app.features.two_factor import services
from app.kit.web.restrict import may_open
from app.models import Permission, Role, User
from app.sign_in import me


@admin.route("/user/<int:user_id>/reset-two-factor", methods=["GET", "POST"])
@permission_required(Permission.MANAGE_USERS)
@fresh_sign_in_required
@to_user
def reset_two_factor(user: User) -> ResponseReturnValue:
    name = name_of(user)
    if page := ask_to_confirm(
        user,
        title=f"Reset the second factor of {name}",
        lead="Make sure that the request comes from them, for example by a call.",
        points=(
            "They sign in with the password alone until they set up a new app.",
            "Their recovery codes and trusted browsers stop working.",
            "They are signed out everywhere at once, and notified by email.",
        ),
        button="Reset second factor",
        danger=True,
    ):
        return page
    services.reset(user, by=me())
    flash(f"The second factor of {name} is reset.", "success")
    return back_to(user)


@admin.post("/roles/<int:role_id>/two-factor")
@permission_required(Permission.MANAGE_ROLES)
@fresh_sign_in_required
def demand_two_factor(role_id: int) -> ResponseReturnValue:
    """Require a second factor of the users with a role, or stop to."""
    role = db.get_or_404(Role, role_id)
    is_demanded = request.form.get("demand") == "yes"
    services.demand(role, is_demanded=is_demanded, by=me())
    if is_demanded:
        flash(f"The role {role.name} now requires two-factor authentication.", "success")
    else:
        flash(f"The role {role.name} no longer requires two-factor authentication.", "success")
    if may_open("admin.role"):
        return redirect(url_for("admin.role", role_id=role_id))
    return redirect(url_for("admin.index"))
