"""The pages on which users choose a new password with a mailed link."""

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from app.account import account, limits
from app.account.forms import RequestResetPasswordForm, ResetPasswordForm
from app.account.responses import refuse_link
from app.decorators import anonymous_required
from app.kit import passwords
from app.kit.web.gates import open_to
from app.kit.web.sign_in.browser_marks import mark_browser
from app.services import mailed_links, password_reset
from app.services.mailed_links import LinkRefused


@account.route("/reset-password", methods=["GET", "POST"])
@anonymous_required
@limits.mail_by_address
@open_to("impersonating")
def reset_password_request() -> ResponseReturnValue:
    """Send a reset link. The answer is the same for known and unknown emails."""
    form = RequestResetPasswordForm()
    if form.validate_on_submit():
        password_reset.request_password_reset(form.email.data)
        flash(f"If {form.email.data} has an account, a link is on its way to it.", "info")
        return redirect(url_for("account.login"))
    return render_template("account/reset_password_request.html", form=form)


@account.route("/reset-password/<token:token>", methods=["GET", "POST"])
@anonymous_required
@open_to("unconfirmed", "impersonating")
def reset_password(token: str) -> ResponseReturnValue:
    """Set a new password with a mailed link, without signing the user in."""
    form = ResetPasswordForm()
    try:
        user = mailed_links.find_by_token("reset_password", token)
        if form.validate_on_submit():
            mark_browser(password_reset.reset_password(token, form.new_password.data))
            flash("Your password is changed. Sign in with the new one.", "success")
            return redirect(url_for("account.login"))
    except passwords.WeakPassword as error:
        form.new_password.errors = [str(error)]
    except LinkRefused:
        return refuse_link(
            "This reset link does not work",
            "It may have expired or been used, or a newer one was sent.",
            "account.reset_password_request",
            "Get a new link",
        )
    return render_template("account/reset_password.html", form=form, user=user)
