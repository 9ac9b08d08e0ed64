"""The pages on which users set up their second factor, and enter codes."""

import re

from flask import Response, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import login_required

from app.account import account
from app.decorators import fresh_sign_in_required
from app.features.two_factor import codes, devices, recovery, services, totp
from app.features.two_factor.browser import is_known, trust_browser
from app.features.two_factor.codes import CodeUnverifiable, NotEnabled, WrongCode
from app.features.two_factor.forms import (
    CodeForm,
    DisableForm,
    RecoveryForm,
    RenewForm,
    ReplaceForm,
    SetUpForm,
    SignInCodeForm,
)
from app.features.two_factor.models import is_demanded_of
from app.features.two_factor.services import (
    AlreadyEnabled,
    Demanded,
    SetupExpired,
    WrongFirstCode,
)
from app.kit import queue
from app.kit.database import whole_number
from app.kit.web.gates import sets_up_second_step, signs_in
from app.kit.web.sign_in.second_step_pages import (
    finish_sign_in,
    other_steps,
    restart,
    second_step_page,
)
from app.kit.web.sign_in.second_steps import PendingSignIn
from app.models import User
from app.sign_in import me

WRONG = "This code is wrong, or it has been used. Wait for the next one of your app."
UNVERIFIABLE = "Codes of your app cannot be checked. Use a recovery code, or ask an administrator."
WRONG_RECOVERY = "This recovery code is wrong, or it has been used."
EXPIRED = "That took too long. Scan the new QR code, then enter what the app shows."
NOT_ON = "Two-factor authentication is off."
CODE = re.compile(rf"[0-9][{recovery.ALPHABET}]{{{recovery.LENGTH - 1}}}")


# Signing in


@account.route("/second-step", methods=["GET", "POST"])
@second_step_page
@signs_in
def enter_code(user: User, pending: PendingSignIn) -> ResponseReturnValue:
    """Ask for a code of the app, after the password."""
    may_trust = pending.session_id is None and bool(devices.lifetime())
    form = SignInCodeForm() if may_trust else CodeForm()
    if isinstance(form, SignInCodeForm):
        form.trust.label.text = f"Trust this browser for {devices.lifetime().days} days"
    if form.validate_on_submit():
        try:
            codes.use_code(user, form.code.data, is_known=is_known(user))
        except NotEnabled:
            return restart()
        except WrongCode as error:
            form.code.errors = [_words(error)]
        else:
            if isinstance(form, SignInCodeForm) and form.trust.data:
                trust_browser(user)
            return finish_sign_in(user, "app")
    others = other_steps(user, pending, request.endpoint)
    return render_template("account/enter_code.html", form=form, others=others)


@account.route("/second-step/recovery", methods=["GET", "POST"])
@second_step_page
@signs_in
def enter_recovery_code(user: User, pending: PendingSignIn) -> ResponseReturnValue:
    """Ask for a recovery code in place of the app."""
    form = RecoveryForm()
    if form.validate_on_submit():
        try:
            codes.use_recovery_code(user, form.code.data, is_known=is_known(user))
        except WrongCode:
            form.code.errors = [WRONG_RECOVERY]
        else:
            answer = finish_sign_in(user, "recovery code")
            queue.enqueue("drain_outbox")
            return answer
    others = other_steps(user, pending, request.endpoint)
    return render_template("account/enter_recovery_code.html", form=form, others=others)


# Setting up


@account.get("/manage/two-factor")
@login_required
def two_factor() -> ResponseReturnValue:
    user = me()
    is_on = services.is_enabled(user)
    return render_template(
        "account/two_factor.html",
        is_on=is_on,
        must_stay_on=services.must_stay_on(user),
        codes_left=recovery.count(user.id) if is_on else 0,
        few=recovery.FEW,
        trusted=devices.of_user(user) if is_on else [],
    )


@account.route("/manage/two-factor/set-up", methods=["GET", "POST"])
@login_required
@sets_up_second_step
@fresh_sign_in_required
def set_up_two_factor() -> ResponseReturnValue:
    """Show a secret as a QR code, and turn the second factor on with a first code."""
    user, form = me(), SetUpForm()
    if services.is_enabled(user):
        return redirect(url_for("account.two_factor"))
    if form.validate_on_submit():
        try:
            made = services.enable(user, sealed=form.sealed.data or "", code=form.code.data)
        except WrongCode as error:
            form.code.errors = [_words(error)]
        except SetupExpired:
            form.code.errors = [EXPIRED]
        except AlreadyEnabled:
            return redirect(url_for("account.two_factor"))
        else:
            return _show_codes(made, "Two-factor authentication is on")
    is_demanded = is_demanded_of(user.role)
    return _show_secret("account/set_up_two_factor.html", form, is_demanded=is_demanded)


@account.route("/manage/two-factor/replace", methods=["GET", "POST"])
@login_required
@fresh_sign_in_required
def replace_app() -> ResponseReturnValue:
    """Take a new app in place of the present one, which may be lost."""
    user, form = me(), ReplaceForm()
    if not services.is_enabled(user):
        return redirect(url_for("account.set_up_two_factor"))
    if form.validate_on_submit():
        try:
            made = services.replace_app(
                user, sealed=form.sealed.data or "", code=form.code.data, proof=form.proof.data
            )
        except WrongFirstCode as error:
            form.code.errors = [_words(error)]
        except WrongCode as error:
            form.proof.errors = [_words(error)]
        except SetupExpired:
            form.code.errors = [EXPIRED]
        except NotEnabled:
            flash(NOT_ON, "info")
            return redirect(url_for("account.two_factor"))
        else:
            return _show_codes(made, "Your new app is in use")
    return _show_secret("account/replace_app.html", form)


@account.route("/manage/two-factor/recovery-codes", methods=["GET", "POST"])
@login_required
@fresh_sign_in_required
def renew_recovery_codes() -> ResponseReturnValue:
    """Replace the recovery codes, and show the new ones once."""
    form = RenewForm()
    try:
        if form.validate_on_submit():
            made = services.renew_recovery_codes(me(), code=form.code.data)
            return _show_codes(made, "Your new recovery codes")
    except WrongCode as error:
        form.code.errors = [_words(error)]
    except NotEnabled:
        flash(NOT_ON, "info")
        return redirect(url_for("account.two_factor"))
    return render_template("account/renew_recovery_codes.html", form=form)


@account.post("/manage/two-factor/recovery-codes.txt")
@login_required
def download_recovery_codes() -> ResponseReturnValue:
    """Send the codes of the page back as a file, because only their hashes are stored."""
    sent = request.form.getlist("codes")
    if not sent or len(sent) > recovery.COUNT or not all(map(CODE.fullmatch, sent)):
        abort(400)
    text = render_template("account/recovery_codes.txt", codes=[*map(recovery.shown, sent)])
    headers = {"Content-Disposition": 'attachment; filename="recovery-codes.txt"'}
    return Response(text, mimetype="text/plain", headers=headers)


@account.route("/manage/two-factor/turn-off", methods=["GET", "POST"])
@login_required
@fresh_sign_in_required
def disable_two_factor() -> ResponseReturnValue:
    """Turn the second factor off with a code, unless the user's role requires it."""
    form = DisableForm()
    try:
        if form.validate_on_submit():
            services.disable(me(), code=form.code.data)
            flash("Two-factor authentication is off. Other devices are signed out.", "success")
            return redirect(url_for("account.two_factor"))
    except WrongCode as error:
        form.code.errors = [_words(error)]
    except NotEnabled:
        flash(NOT_ON, "info")
        return redirect(url_for("account.two_factor"))
    except Demanded:
        flash("Your role requires two-factor authentication, so the app stays on.", "error")
        return redirect(url_for("account.two_factor"))
    return render_template("account/disable_two_factor.html", form=form)


@account.post("/manage/two-factor/forget-browsers")
@login_required
def forget_trusted_browsers() -> ResponseReturnValue:
    """End the trust in one browser, or in all."""
    which = request.form.get("browser", "all")
    if which == "all":
        devices.forget_all(me())
        flash("All browsers are asked for a code at the next sign-in.", "success")
    elif (device_id := whole_number(which)) is not None:
        devices.forget_one(me(), device_id)
        flash("That browser is asked for a code at the next sign-in.", "success")
    return redirect(url_for("account.two_factor"))


def _words(error: WrongCode) -> str:
    return UNVERIFIABLE if isinstance(error, CodeUnverifiable) else WRONG


def _show_secret(template: str, form: SetUpForm, **values: bool) -> ResponseReturnValue:
    """Show the secret of a new app, that of the form while it is not expired."""
    setup = totp.set_up(me(), form.sealed.data or "")
    form.sealed.data = setup.sealed
    return render_template(template, form=form, setup=setup, **values)


def _show_codes(made: list[str], title: str) -> ResponseReturnValue:
    """Show recovery codes once. There is no redirect, because no cookie should hold them."""
    return render_template(
        "account/recovery_codes.html", title=title, codes=made, shown=[*map(recovery.shown, made)]
    )
