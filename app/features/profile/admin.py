"""The admin view that removes the picture of a user."""

from flask import flash
from flask.typing import ResponseReturnValue

from app.admin import admin
from app.admin.user_actions import ask_to_confirm, back_to, name_of, to_user
from app.decorators import permission_required
from app.features.profile.services import pictures
from app.models import Permission, User
from app.sign_in import me


@admin.route("/user/<int:user_id>/remove-picture", methods=["GET", "POST"])
@permission_required(Permission.MANAGE_USERS)
@to_user
def remove_user_picture(user: User) -> ResponseReturnValue:
    name = name_of(user)
    if page := ask_to_confirm(
        user,
        title=f"Remove the picture of {name}",
        lead="Their initials are shown in its place.",
        points=("The picture is deleted for good.", "They can choose another one."),
        button="Remove picture",
        danger=True,
    ):
        return page
    pictures.remove(user, by=me())
    flash(f"The picture of {name} is removed.", "success")
    return back_to(user)
