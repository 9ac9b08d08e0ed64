"""Actions on the access of a user: confirmation, mailed links, passwords and sessions."""

from flask import flash
from flask.typing import ResponseReturnValue

from app.admin import admin
from app.admin.forms import ConfirmUserForm
from app.admin.user_actions import ask_to_confirm, back_to, form_page, name_of, to_user
from app.decorators import fresh_sign_in_required, permission_required
from app.models import Permission, User
from app.services import user_access
from app.sign_in import me


@admin.route("/user/<int:user_id>/confirm", methods=["GET", "POST"])
@permission_required(Permission.MANAGE_USERS)
@fresh_sign_in_required
@to_user
def confirm_user(user: User) -> ResponseReturnValue:
    form = ConfirmUserForm()
    if not form.validate_on_submit():
        return form_page(
            user,
            form,
            title=f"Confirm {name_of(user)} by hand",
            lead="Do this only if you know that the email address is theirs.",
            points=(
                f"{user.email} counts as confirmed.",
                "The password of the account stops working, and everyone who is signed in to it is "
                "signed out. A link to choose a new password goes to the address.",
            ),
        )
    user_access.confirm(user, by=me(), keep_password=form.keep_password.data)
    flash(f"{user.email} is confirmed.", "success")
    return back_to(user)


@admin.post("/user/<int:user_id>/resend-confirmation")
@permission_required(Permission.MANAGE_USERS)
@to_user
def resend_confirmation(user: User) -> ResponseReturnValue:
    user_access.resend_confirmation(user, by=me())
    flash(f"A new confirmation link is on its way to {user.email}.", "success")
    return back_to(user)


@admin.route("/user/<int:user_id>/send-reset-link", methods=["GET", "POST"])
@permission_required(Permission.MANAGE_USERS)
@to_user
def send_reset_link(user: User) -> ResponseReturnValue:
    if page := ask_to_confirm(
        user,
        title="Send a link to choose a new password",
        lead="Their present password keeps working until they use it.",
        points=(f"The link goes to {user.email} alone and works for an hour.",),
        button="Send link",
        danger=False,
    ):
        return page
    user_access.send_reset_link(user, by=me())
    flash(f"A link is on its way to {user.email}.", "success")
    return back_to(user)


@admin.route("/user/<int:user_id>/require-password-change", methods=["GET", "POST"])
@permission_required(Permission.MANAGE_USERS)
@fresh_sign_in_required
@to_user
def require_password_change(user: User) -> ResponseReturnValue:
    if page := ask_to_confirm(
        user,
        title=f"Have {name_of(user)} choose a new password",
        lead="Use this when someone else may know the password.",
        points=(
            "They cannot open another page before they have changed it.",
            "The present password still signs in. If someone else has it, end all sessions and "
            "send a link instead.",
            "They are notified by email.",
        ),
        button="Require a new password",
        danger=False,
    ):
        return page
    user_access.require_password_change(user, by=me())
    flash(f"{name_of(user)} has to choose a new password next.", "success")
    return back_to(user)


@admin.route("/user/<int:user_id>/end-sessions", methods=["GET", "POST"])
@permission_required(Permission.MANAGE_USERS)
@fresh_sign_in_required
@to_user
def end_user_sessions(user: User) -> ResponseReturnValue:
    is_oneself = user.id == me().id
    where = "everywhere but here" if is_oneself else "everywhere"
    if page := ask_to_confirm(
        user,
        title=f"Sign {name_of(user)} out {where}",
        lead="Each browser has to sign in again; the password stays as it is.",
        button="End all sessions",
        danger=True,
    ):
        return page
    user_access.end_sessions(user, by=me())
    flash(f"{name_of(user)} is signed out {where}.", "success")
    return back_to(user)


@admin.post("/user/<int:user_id>/sessions/<int:session_id>/end")
@permission_required(Permission.MANAGE_USERS)
@to_user
def end_user_session(user: User, session_id: int) -> ResponseReturnValue:
    user_access.end_session(user, session_id, by=me())
    flash("The session is ended.", "success")
    return back_to(user)
