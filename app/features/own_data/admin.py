"""The admin view that asks for the data of a user."""

from flask import flash
from flask.typing import ResponseReturnValue

from app.admin import admin
from app.admin.user_actions import ask_to_confirm, back_to, name_of, to_user
from app.decorators import permission_required
from app.features.own_data import exports
from app.models import Permission, User
from app.sign_in import me


@admin.route("/user/<int:user_id>/collect-data", methods=["GET", "POST"])
@permission_required(Permission.MANAGE_USERS)
@to_user
def collect_user_data(user: User) -> ResponseReturnValue:
    name = name_of(user)
    if page := ask_to_confirm(
        user,
        title=f"Collect the data of {name}",
        lead="Only they can download it.",
        points=("They get a mail when it is ready.", "It is good for one download in 24 hours."),
        button="Collect the data",
        danger=False,
    ):
        return page
    exports.ask(user, by=me())
    flash(f"The data of {name} is being collected. They get a mail when it is ready.", "success")
    return back_to(user)
