"""The pages to register and to confirm an email."""

from flask import flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user, login_required

from app.account import account, limits
from app.account.forms import ConfirmAccountForm
from app.account.registration_form import RegistrationForm
from app.account.responses import LINK_SENT, refuse_link
from app.decorators import anonymous_required
from app.kit import passwords
from app.kit.web.gates import open_to
from app.kit.web.json_bodies import json_object
from app.kit.web.methods import SAFE_METHODS
from app.services import mailed_links, password_reset
from app.services import register as register_service
from app.services.mailed_links import LinkRefused
from app.services.sign_in import WrongPassword
from app.sign_in import landing_page, me

# Session key: the receipt that identifies the browser that registered.
RECEIPT = "receipt"


@account.route("/register", methods=["GET", "POST"])
@anonymous_required
@limits.mail_by_address
@open_to("impersonating")
def register() -> ResponseReturnValue:
    """Create an account and send its confirmation link, if registration is open."""
    if not register_service.is_open():
        page = render_template("account/registration_closed.html")
        return page, 200 if request.method in SAFE_METHODS else 403
    form = RegistrationForm()
    if form.validate_on_submit():
        try:
            session[RECEIPT] = register_service.register(
                first_name=form.first_name.data,
                last_name=form.last_name.data,
                email=form.email.data,
                password=form.password.data,
                is_bot=form.is_from_bot,
            )
        except passwords.WeakPassword as error:
            form.password.errors = [str(error)]
        else:
            flash(LINK_SENT.format(form.email.data), "info")
            return redirect(url_for("account.login"))
    return render_template("account/register.html", form=form)


@account.post("/check-password")
@limits.strength_by_site
@limits.strength_by_network
@open_to("must_change_password", "impersonating")
def check_password() -> ResponseReturnValue:
    """Return the strength of a password as JSON, by the same rule as when the form is sent."""
    sent = json_object()
    password = str(sent.get("password", ""))[: 2 * passwords.MAX_LENGTH + 1]
    names = ("first_name", "last_name", "email")
    person = {name: str(sent.get(name, ""))[:254] for name in names}
    if current_user.is_authenticated:
        person |= {name: getattr(current_user, name) for name in names}
    score, problem = password_reset.judge_password(password, **person)
    message = problem or "This password is strong enough."
    return {"score": score, "acceptable": not problem, "message": message}


@account.get("/unconfirmed")
@login_required
@open_to("unconfirmed", "impersonating")
def unconfirmed() -> ResponseReturnValue:
    """Show the page to which users with an unconfirmed email are redirected."""
    if current_user.confirmed:
        return redirect(url_for("main.index"))
    return render_template("account/unconfirmed.html")


@account.post("/confirm-account")
@login_required
@limits.mail_by_address
@open_to("unconfirmed")
def confirm_request() -> ResponseReturnValue:
    """Send the confirmation link again."""
    if current_user.confirmed:
        return redirect(url_for("main.index"))
    register_service.resend_confirmation(me())
    flash(LINK_SENT.format(current_user.email), "info")
    return redirect(url_for("account.unconfirmed"))


@account.route("/confirm-account/<token:token>", methods=["GET", "POST"])
@limits.mail_by_address
@open_to("unconfirmed", "impersonating")
def confirm(token: str) -> ResponseReturnValue:
    """Confirm an account. GET shows the form, and POST confirms without signing the visitor in.

    In the browser that registered, the form has only a button. In other browsers it asks for the
    password of the account, or for a new one.
    """
    form = ConfirmAccountForm()
    by = me() if current_user.is_authenticated else None
    receipt = session.get(RECEIPT, "")
    try:
        user = mailed_links.find_by_token("confirm", token)
        is_own = register_service.made_here(user, by=by, receipt=receipt)
        keep_password = by is not None or not form.choose_password.data
        if form.validate_on_submit():
            register_service.confirm(
                token,
                by=by,
                receipt=receipt,
                password=form.password.data or "",
                keep_password=keep_password,
            )
            if not keep_password:
                flash("Your account is confirmed. Now choose your password.", "success")
                reset = password_reset.reset_token_of(user)
                return redirect(url_for("account.reset_password", token=reset))
            flash("Your account is confirmed.", "success")
            return redirect(landing_page(by) if by else url_for("account.login"))
    except WrongPassword:
        form.password.errors = ["This is not the password of the account."]
    except LinkRefused:
        return refuse_link(
            "This confirmation link does not work",
            "It may have expired or been used. If your account is not confirmed yet, sign in to "
            "get a new link.",
            "account.login",
            "Sign in",
        )
    return render_template("account/confirm.html", form=form, user=user, is_own=is_own)
