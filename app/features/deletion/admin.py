"""The admin views that delete and restore a user."""

from flask import current_app, flash
from flask.typing import ResponseReturnValue

from app.admin import admin
from app.admin.user_actions import ask_to_confirm, back_to, name_of, to_user
from app.decorators import fresh_sign_in_required, permission_required
from app.features.deletion import deletions
from app.models import Permission, User
from app.sign_in import me


@admin.route("/user/<int:user_id>/delete", methods=["GET", "POST"])
@permission_required(Permission.MANAGE_USERS)
@fresh_sign_in_required
@to_user
def delete_user(user: User) -> ResponseReturnValue:
    name, days = name_of(user), current_app.config["RESTORE_DELETED_DAYS"]
    if page := ask_to_confirm(
        user,
        title=f"Delete {name}",
        lead="To keep the account, suspend it instead.",
        points=(
            "They are signed out everywhere at once, and notified by email.",
            "Mail that still waits for them is not sent.",
            f"For {days} days you can restore the account as it is now. Then it is erased for good "
            "and the address is free.",
        ),
        button=f"Delete {name}",
        danger=True,
    ):
        return page
    deletions.delete(user, by=me())
    flash(f"{name} is deleted. You can restore the account for {days} days.", "success")
    return back_to(user)


@admin.route("/user/<int:user_id>/restore", methods=["GET", "POST"])
@permission_required(Permission.MANAGE_USERS)
@fresh_sign_in_required
@to_user
def restore_user(user: User) -> ResponseReturnValue:
    name = name_of(user)
    if page := ask_to_confirm(
        user,
        title=f"Restore {name}",
        lead="Restores the account as it was.",
        points=(
            "Email address, password, role and status are restored.",
            "They are notified by email, and have to sign in again.",
        ),
        button=f"Restore {name}",
        danger=False,
    ):
        return page
    deletions.restore(user, by=me())
    flash(f"{name} is restored.", "success")
    return back_to(user)
