"""The pages to sign in, to sign out and to confirm the password."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import login_required

from app.account import account, limits
from app.account.forms import LoginForm, ReauthenticateForm
from app.decorators import anonymous_required
from app.kit.web.gates import open_to, open_to_every_gate, signs_in
from app.kit.web.redirects import next_url
from app.kit.web.sign_in import browser_marks
from app.services import sign_in as sign_in_service
from app.services.sign_in import WrongPassword
from app.sign_in import confirm_sign_in, me, sign_in, sign_out


@account.route("/login", methods=["GET", "POST"])
@anonymous_required
@limits.sign_in_by_site
@open_to("impersonating")
@signs_in
def login() -> ResponseReturnValue:
    """Sign a user in."""
    form = LoginForm()
    if form.validate_on_submit():
        user = sign_in_service.authenticate(
            form.email.data, form.password.data, marks=browser_marks.read()
        )
        if user is not None:
            to = next_url(request.args.get("next"), "")
            return sign_in(user, to=to, remember=form.remember_me.data)
        flash("The email or the password is wrong.", "form-error")
    return render_template("account/login.html", form=form)


@account.post("/logout")
@login_required
@open_to_every_gate
def logout() -> ResponseReturnValue:
    sign_out()
    flash("You are signed out.", "info")
    return redirect(url_for("main.index"))


@account.route("/reauthenticate", methods=["GET", "POST"])
@login_required
@signs_in
def reauthenticate() -> ResponseReturnValue:
    """Ask for the password again before a sensitive action."""
    form = ReauthenticateForm()
    if form.validate_on_submit():
        try:
            sign_in_service.check_own_password(me(), form.password.data)
        except WrongPassword:
            form.password.errors = ["This is not your password."]
        else:
            return confirm_sign_in(to=next_url(request.args.get("next"), url_for("main.index")))
    return render_template("account/reauthenticate.html", form=form)
