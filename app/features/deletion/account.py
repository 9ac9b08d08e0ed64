"""The page on which users delete their own account."""

from flask import current_app, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import login_required

from app.account import account
from app.features.deletion import deletions
from app.features.deletion.forms import DeleteAccountForm
from app.kit.web.sign_in.own_password import more_than_password_required
from app.services.policy import LastAdministrator
from app.services.sign_in import WrongPassword
from app.sign_in import forget, me

LAST = (
    "Nobody else could administer the app. Make someone else an administrator before you delete "
    "your account."
)


@account.route("/manage/delete", methods=["GET", "POST"])
@login_required
@more_than_password_required
def delete_account() -> ResponseReturnValue:
    """Delete the user's own account. GET shows the form, and POST needs the password."""
    form = DeleteAccountForm()
    days = current_app.config["RESTORE_DELETED_DAYS"]
    if form.validate_on_submit():
        try:
            deletions.delete_oneself(me(), password=form.own_password)
        except WrongPassword:
            form.refuse_password()
        except LastAdministrator:
            flash(LAST, "form-error")
        else:
            forget()
            flash(f"Your account is deleted. It can be restored for {days} days.", "success")
            return redirect(url_for("main.index"))
    return render_template("account/delete_account.html", form=form, days=days)
