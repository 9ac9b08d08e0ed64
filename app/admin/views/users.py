"""The list of users, and the page that creates a user."""

from collections.abc import Callable

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.admin import admin
from app.admin.forms import NewUserForm
from app.decorators import fresh_sign_in_required, permission_required
from app.kit import passwords
from app.kit.tables.cursors import NotACursor
from app.models import Permission
from app.services import roles, user_list, users
from app.services.users import EmailTaken
from app.sign_in import me

TAKEN = "An account with this email address already exists."

View = Callable[[], ResponseReturnValue]


def show_plain_list() -> ResponseReturnValue:
    """Show the list of users, the newest first, without search, filters or sorting."""
    notice = ""
    try:
        page = user_list.find(
            after=request.args.get("after", ""), before=request.args.get("before", "")
        )
    except NotACursor:
        notice = "This page does not exist, so the first one is shown."
        page = user_list.find()
    return render_template(
        "admin/registered_users.html",
        page=page,
        role_names={role.id: role.name for role in roles.known()},
        notice=notice,
    )


_show_list: list[View] = [show_plain_list]


def replaces_user_list(view: View) -> View:
    """Replace the list of users by the decorated view. The permission is checked before it."""
    _show_list[0] = view
    return view


@admin.get("/users")
@permission_required(Permission.MANAGE_USERS)
def registered_users() -> ResponseReturnValue:
    return _show_list[0]()


@admin.route("/new-user", methods=["GET", "POST"])
@permission_required(Permission.MANAGE_USERS)
@fresh_sign_in_required
def new_user() -> ResponseReturnValue:
    """Create a user who can sign in at once."""
    form, deleted = NewUserForm(), None
    if form.validate_on_submit():
        try:
            user = users.create(
                first_name=form.first_name.data,
                last_name=form.last_name.data,
                email=form.email.data,
                role=form.role.role,
                password=form.password.data,
                by=me(),
            )
        except EmailTaken as error:
            form.email.errors, deleted = [TAKEN], error.deleted
        except passwords.WeakPassword as error:
            form.password.errors = [str(error)]
        else:
            flash(f"{user.full_name()} has an account and is notified by mail.", "success")
            return redirect(url_for("admin.user_info", user_id=user.id))
    return render_template("admin/new_user.html", form=form, deleted_owner=deleted)
