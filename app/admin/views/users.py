"""The list of users, and the page that creates a user."""

from collections.abc import Callable

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from app.admin import admin, tables
from app.admin.forms import NewUserForm
from app.admin.user_actions import TAKEN
from app.decorators import fresh_sign_in_required, permission_required
from app.kit import passwords
from app.kit.web import table_pages
from app.models import Permission
from app.services import users
from app.services.users import EmailTaken
from app.sign_in import me

View = Callable[[], ResponseReturnValue]


def show_plain_list() -> ResponseReturnValue:
    """Show the list of users, with a search but without filters."""
    return table_pages.show(tables.users, template="admin/registered_users.html")


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
            flash(f"{user.full_name()} has an account and is notified by email.", "success")
            return redirect(url_for("admin.user_info", user_id=user.id))
    return render_template("admin/new_user.html", form=form, deleted_owner=deleted)
