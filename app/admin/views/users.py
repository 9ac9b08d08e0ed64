"""Making people who can sign in at once."""

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from app.admin import admin
from app.admin.forms import NewUserForm
from app.decorators import fresh_sign_in_required, permission_required
from app.kit import passwords
from app.models import Permission
from app.services import users
from app.services.accounts import EmailTaken
from app.sign_in import me

TAKEN = "Someone has this address already."


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
            flash(f"{user.full_name()} has an account and is told by mail.", "success")
            return redirect(url_for("admin.user_info", user_id=user.id))
    return render_template("admin/new_user.html", form=form, deleted_owner=deleted)
