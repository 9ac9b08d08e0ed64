"""The admin view that unlinks the accounts of a user."""

from flask import flash
from flask.typing import ResponseReturnValue

from app.admin import admin
from app.admin.user_actions import ask_to_confirm, back_to, name_of, to_user
from app.decorators import fresh_sign_in_required, permission_required
from app.features.oauth import services
from app.models import Permission, User
from app.sign_in import me


@admin.route("/user/<int:user_id>/unlink-accounts", methods=["GET", "POST"])
@permission_required(Permission.MANAGE_USERS)
@fresh_sign_in_required
@to_user
def unlink_accounts(user: User) -> ResponseReturnValue:
    name = name_of(user)
    if page := ask_to_confirm(
        user,
        title=f"Unlink the accounts of {name}",
        lead="They cannot sign in with these accounts any more.",
        points=(
            *(f"{services.label_of(one)} {one.email}".strip() for one in services.of_user(user)),
            "They sign in with their password, or get a new one by a reset link.",
            "They are signed out everywhere at once, and notified by email.",
        ),
        button="Unlink accounts",
        danger=True,
    ):
        return page
    services.reset(user, by=me())
    flash(f"The accounts of {name} are unlinked.", "success")
    return back_to(user)
