"""The admin view that starts an impersonation."""

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from app.admin import admin
from app.decorators import permission_required
from app.extensions import db
from app.features.impersonation import impersonation
from app.features.impersonation.browser import take_on
from app.features.impersonation.forms import SignInAsForm
from app.features.impersonation.impersonation import CannotSignIn
from app.kit.web.sign_in.own_password import more_than_password_required
from app.models import Permission, User
from app.services.policy import NotOnSelf
from app.services.sign_in import WrongPassword
from app.sign_in import me


@admin.route("/user/<int:user_id>/sign-in-as", methods=["GET", "POST"])
@permission_required(Permission.IMPERSONATE)
@more_than_password_required
def sign_in_as(user_id: int) -> ResponseReturnValue:
    """Start to impersonate a user. The administrator's own password is required each time."""
    user = db.get_or_404(User, user_id)
    form = SignInAsForm()
    try:
        impersonation.check(user, by=me())
        if form.validate_on_submit():
            impersonation.start(
                user, by=me(), password=form.own_password, reason=form.reason.data or ""
            )
            take_on(user.id)
            return redirect(url_for("main.index"))
    except WrongPassword:
        form.refuse_password()
    except NotOnSelf:
        flash("You are signed in as yourself already.", "info")
        return _back_to(user)
    except CannotSignIn:
        name = user.full_name() or user.email
        flash(f"{name} cannot sign in, so you cannot impersonate this user.", "error")
        return _back_to(user)
    return render_template("admin/sign_in_as.html", user=user, form=form)


def _back_to(user: User) -> ResponseReturnValue:
    if me().can(Permission.MANAGE_USERS):
        return redirect(url_for("admin.user_info", user_id=user.id))
    return redirect(url_for("admin.index"))
