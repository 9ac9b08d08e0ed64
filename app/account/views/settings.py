"""The pages on which users change their name, password and email."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user, login_required

from app.account import account, settings_forms
from app.account.responses import LINK_SENT, refuse_link
from app.kit import passwords
from app.kit.web.gates import open_to
from app.kit.web.redirects import next_url
from app.kit.web.sign_in.browser_marks import mark_browser
from app.kit.web.sign_in.own_password import more_than_password_required
from app.services import email_change, mailed_links, password_reset, users
from app.services.mailed_links import LinkRefused
from app.services.sign_in import WrongPassword
from app.services.users import EmailTaken
from app.sign_in import me


@account.get("/manage/info")
@account.get("/manage")
@login_required
@open_to("impersonating")
def manage() -> ResponseReturnValue:
    return render_template("account/manage.html", user=current_user)


@account.route("/manage/change-name", methods=["GET", "POST"])
@login_required
@open_to("impersonating")
def change_name() -> ResponseReturnValue:
    """Change the user's own name, effective at once."""
    user = me()
    form = settings_forms.ChangeNameForm(first_name=user.first_name, last_name=user.last_name)
    if form.validate_on_submit():
        before = user.first_name, user.last_name
        users.change_name(
            user, first_name=form.first_name.data, last_name=form.last_name.data, by=user
        )
        if (user.first_name, user.last_name) != before:
            flash(f"Your name is now {user.full_name()}.", "success")
            return redirect(url_for("account.manage"))
        form.first_name.errors = ["This is your name already."]
    return render_template("account/change_name.html", form=form)


@account.route("/manage/change-password", methods=["GET", "POST"])
@login_required
@open_to("must_change_password")
@more_than_password_required
def change_password() -> ResponseReturnValue:
    """Change the user's own password, and end their other sessions."""
    form = settings_forms.ChangePasswordForm()
    if form.validate_on_submit():
        try:
            password_reset.change_password(
                me(), old=form.own_password, new=form.new_password.data, keep=current_user.session
            )
        except WrongPassword:
            form.refuse_password()
        except passwords.WeakPassword as error:
            form.new_password.errors = [str(error)]
        else:
            mark_browser(me())
            flash("Your password is changed. Other devices are signed out.", "success")
            return redirect(next_url(request.args.get("next"), url_for("account.manage")))
    return render_template("account/change_password.html", form=form)


@account.route("/manage/change-email", methods=["GET", "POST"])
@login_required
@more_than_password_required
def change_email_request() -> ResponseReturnValue:
    """Request a change of the user's email, effective once they confirm it with the mailed link."""
    form = settings_forms.ChangeEmailForm()
    if form.validate_on_submit():
        try:
            email_change.request_email_change(
                me(), new_email=form.email.data, password=form.own_password
            )
        except WrongPassword:
            form.refuse_password()
        else:
            flash(LINK_SENT.format(form.email.data), "info")
            return redirect(url_for("account.manage"))
    return render_template("account/change_email_request.html", form=form)


@account.post("/manage/change-email/cancel")
@login_required
def cancel_email_change() -> ResponseReturnValue:
    email_change.cancel_email_change(me())
    flash("Your email address stays the same.", "success")
    return redirect(url_for("account.manage"))


@account.route("/manage/change-email/<token:token>", methods=["GET", "POST"])
@login_required
def change_email(token: str) -> ResponseReturnValue:
    """Confirm the new email. GET shows the form, and POST changes the email."""
    form = settings_forms.ConfirmEmailForm()
    try:
        owner = mailed_links.find_by_token("change_email", token)
        if owner.id != current_user.id:
            raise LinkRefused
        if form.validate_on_submit():
            email_change.change_email(me(), token)
            flash("Your email address is changed.", "success")
            return redirect(url_for("account.manage"))
    except LinkRefused:
        return refuse_link(
            "This confirmation link does not work",
            "It may have expired or been used. Request the change again to get a new one.",
            "account.change_email_request",
            "Change email",
        )
    except EmailTaken:
        flash("Another account has this email address now. Yours is not changed.", "error")
        return redirect(url_for("account.change_email_request"))
    return render_template(
        "account/change_email.html", form=form, new_email=current_user.pending_email
    )
