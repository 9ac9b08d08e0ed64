"""The pages that take a passkey to sign in, and those on which users manage their passkeys."""

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import login_required

from app.account import account, limits
from app.decorators import anonymous_required, fresh_sign_in_required
from app.features.passkeys import services, signing
from app.features.passkeys.browser import (
    NOT_SENT,
    NOT_VERIFIED,
    binding,
    here,
    problem,
    user_of_answer,
)
from app.features.passkeys.ceremonies import Malformed
from app.features.passkeys.challenges import NotVerified, Purpose
from app.features.passkeys.forms import (
    AddPasskeyForm,
    RemovePasskeyForm,
    RenamePasskeyForm,
    UsePasskeyForm,
)
from app.features.passkeys.models import Passkey
from app.features.passkeys.services import (
    AlreadyAdded,
    NoPasskeys,
    TooManyPasskeys,
)
from app.kit.slots import LastSignInMethod
from app.kit.web.devices import device_name
from app.kit.web.gates import sets_up_second_step, signs_in
from app.kit.web.redirects import next_url
from app.kit.web.sign_in.second_step_pages import finish_sign_in, other_steps, second_step_page
from app.kit.web.sign_in.second_steps import PendingSignIn
from app.models import User
from app.services.own_account import ensure_not_impersonating
from app.sign_in import complete, me, sign_in

FULL = f"You have {services.MOST} passkeys. Remove one first."
GONE = "The passkey was removed meanwhile."


# Signing in


@account.post("/login/passkey/options")
@anonymous_required
@limits.sign_in_by_site
@signs_in
def passkey_sign_in_options() -> ResponseReturnValue:
    """Return the options to sign in with any passkey that the browser knows, as JSON."""
    return signing.options(Purpose.SIGN_IN, place=here(), binding=binding())


@account.post("/login/passkey")
@anonymous_required
@limits.sign_in_by_site
@signs_in
def passkey_sign_in() -> ResponseReturnValue:
    """Sign the user of a passkey in. It verified its user, so it counts as two factors."""
    wanted = next_url(request.args.get("next"), "")
    user = user_of_answer(Purpose.SIGN_IN)
    if user is None:
        return redirect(url_for("account.login", next=wanted or None))
    remember = bool(request.form.get("remember_me"))
    return sign_in(user, to=wanted, remember=remember, method=services.METHOD, proves_two=True)


# The second step


@account.route("/second-step/passkey", methods=["GET", "POST"])
@second_step_page
@limits.sign_in_by_site
@signs_in
def use_passkey(user: User, pending: PendingSignIn) -> ResponseReturnValue:
    """Ask for a passkey after the password."""
    form = UsePasskeyForm()
    if form.validate_on_submit():
        if not form.credential.data:
            flash(NOT_SENT, "form-error")
        elif user_of_answer(Purpose.SECOND_STEP, user) is not None:
            return finish_sign_in(user, services.METHOD)
    return render_template(
        "account/use_passkey.html",
        form=form,
        others=other_steps(user, pending, request.endpoint),
        problem=problem(),
    )


@account.post("/second-step/passkey/options")
@second_step_page
@limits.sign_in_by_site
@signs_in
def use_passkey_options(user: User, _pending: PendingSignIn) -> ResponseReturnValue:
    """Return the options to sign with a passkey of the user who signs in, as JSON."""
    return signing.options(Purpose.SECOND_STEP, place=here(), binding=binding(), user=user)


# A fresh sign-in


@account.post("/reauthenticate/passkey")
@login_required
@limits.sign_in_by_site
@signs_in
def reauthenticate_by_passkey() -> ResponseReturnValue:
    """Make the sign-in fresh by a passkey, in place of the password and the second step."""
    user, wanted = me(), next_url(request.args.get("next"), url_for("main.index"))
    ensure_not_impersonating(user)
    if user_of_answer(Purpose.FRESH_SIGN_IN, user) is None:
        return redirect(url_for("account.reauthenticate", next=wanted))
    pending = PendingSignIn(
        method=services.METHOD, to=wanted, session_id=user.session.id if user.session else None
    )
    return complete(user, pending, has_second_factor=True)


@account.post("/reauthenticate/passkey/options")
@login_required
@limits.sign_in_by_site
@signs_in
def reauthenticate_by_passkey_options() -> ResponseReturnValue:
    """Return the options to sign with a passkey of the signed-in user, as JSON."""
    user = me()
    ensure_not_impersonating(user)
    return signing.options(Purpose.FRESH_SIGN_IN, place=here(), binding=binding(), user=user)


# Managing passkeys


@account.get("/manage/passkeys")
@login_required
def passkeys() -> ResponseReturnValue:
    user = me()
    return render_template(
        "account/passkeys.html",
        passkeys=services.of_user(user),
        is_asked=services.is_asked_after_password(user),
        problem=problem(),
    )


@account.route("/manage/passkeys/add", methods=["GET", "POST"])
@login_required
@sets_up_second_step
@fresh_sign_in_required
def add_passkey() -> ResponseReturnValue:
    """Take the passkey that the browser has made."""
    form = AddPasskeyForm(name=device_name(request.headers.get("User-Agent", "")))
    if form.validate_on_submit():
        if not form.credential.data:
            flash(NOT_SENT, "form-error")
        elif answer := _add(form):
            return answer
    return render_template("account/add_passkey.html", form=form, problem=problem())


def _add(form: AddPasskeyForm) -> ResponseReturnValue | None:
    try:
        passkey = services.add(
            me(),
            form.credential.data or "",
            name=form.name.data or "",
            place=here(),
            binding=binding(),
        )
    except Malformed:
        abort(400)
    except NotVerified:
        flash(NOT_VERIFIED, "form-error")
    except AlreadyAdded:
        flash("This passkey belongs to an account already.", "form-error")
    except TooManyPasskeys:
        flash(FULL, "form-error")
    else:
        flash(f"The passkey “{passkey.name}” is added.", "success")
        return redirect(url_for("account.passkeys"))
    return None


@account.post("/manage/passkeys/add/options")
@login_required
@sets_up_second_step
@fresh_sign_in_required
def add_passkey_options() -> ResponseReturnValue:
    """Return the options with which the browser makes a passkey, as JSON."""
    return services.options_to_add(me(), here(), binding())


@account.route("/manage/passkeys/<int:passkey_id>", methods=["GET", "POST"])
@login_required
def rename_passkey(passkey_id: int) -> ResponseReturnValue:
    passkey = _own_or_404(passkey_id)
    form = RenamePasskeyForm(name=passkey.name)
    if form.validate_on_submit():
        try:
            services.rename(passkey, form.name.data or "", by=me())
        except NoPasskeys:
            flash(GONE, "error")
        else:
            flash("The name is saved.", "success")
        return redirect(url_for("account.passkeys"))
    return render_template("account/passkey.html", form=form, title="Rename the passkey")


@account.route("/manage/passkeys/<int:passkey_id>/remove", methods=["GET", "POST"])
@login_required
@fresh_sign_in_required
def remove_passkey(passkey_id: int) -> ResponseReturnValue:
    passkey = _own_or_404(passkey_id)
    form, name = RemovePasskeyForm(), passkey.name
    if form.validate_on_submit():
        try:
            services.remove(passkey, by=me())
        except NoPasskeys:
            flash(GONE, "error")
        except LastSignInMethod:
            flash("This is your only way to sign in. Choose a password first.", "error")
        else:
            flash(f"The passkey “{name}” is removed. Other devices are signed out.", "success")
        return redirect(url_for("account.passkeys"))
    title = f"Remove “{name}”"
    return render_template("account/passkey.html", form=form, title=title, is_removal=True)


@account.post("/manage/passkeys/second-step")
@login_required
@fresh_sign_in_required
def ask_passkey_after_password() -> ResponseReturnValue:
    """Ask for a passkey after the password at the next sign-in, or stop to."""
    is_asked = request.form.get("ask") == "yes"
    try:
        services.ask_after_password(me(), is_asked=is_asked)
    except NoPasskeys:
        flash("Add a passkey first.", "error")
    else:
        said = "From now on, you need a passkey after your password."
        flash(said if is_asked else "Your password alone signs you in again.", "success")
    return redirect(url_for("account.passkeys"))


def _own_or_404(passkey_id: int) -> Passkey:
    return services.find_own(passkey_id, me()) or abort(404)
