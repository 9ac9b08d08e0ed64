"""The admin view that removes the passkeys of a user."""

from flask import flash
from flask.typing import ResponseReturnValue

from app.admin import admin
from app.admin.user_actions import ask_to_confirm, back_to, name_of, to_user
from app.decorators import fresh_sign_in_required, permission_required
from app.features.passkeys import services
from app.models import Permission, User
from app.sign_in import me


@admin.route("/user/<int:user_id>/reset-passkeys", methods=["GET", "POST"])
@permission_required(Permission.MANAGE_USERS)
@fresh_sign_in_required
@to_user
def reset_passkeys(user: User) -> ResponseReturnValue:
    name = name_of(user)
    if page := ask_to_confirm(
        user,
        title=f"Remove the passkeys of {name}",
        lead="Make sure that the request comes from them, for example by a call.",
        points=(
            "They sign in with their password, or get a new one by a reset link.",
            "They are signed out everywhere at once, and notified by email.",
        ),
        button="Remove passkeys",
        danger=True,
    ):
        return page
    services.reset(user, by=me())
    flash(f"The passkeys of {name} are removed.", "success")
    return back_to(user)
