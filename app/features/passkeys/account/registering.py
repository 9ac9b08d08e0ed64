"""The pages on which visitors register with a passkey, and confirm their email with it."""

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.account import account, limits
from app.account.responses import LINK_SENT
from app.decorators import anonymous_required
from app.features.passkeys import registration, services
from app.features.passkeys.browser import NOT_SENT, NOT_VERIFIED, binding, here
from app.features.passkeys.ceremonies import Malformed
from app.features.passkeys.challenges import NotVerified
from app.features.passkeys.forms import PasskeyRegistrationForm
from app.features.passkeys.services import AlreadyAdded
from app.kit.web.devices import device_name
from app.kit.web.gates import open_to
from app.kit.web.methods import SAFE_METHODS
from app.services import register
from app.services.mailed_links import LinkRefused
from app.sign_in import sign_in


@account.route("/register/passkey", methods=["GET", "POST"])
@anonymous_required
@limits.mail_by_address
@open_to("impersonating")
def register_with_passkey() -> ResponseReturnValue:
    """Create an account without a password. Its mailed link asks for a passkey."""
    if not register.is_open():
        return redirect(url_for("account.register"))
    form = PasskeyRegistrationForm()
    if form.validate_on_submit():
        register.register(
            first_name=form.first_name.data,
            last_name=form.last_name.data,
            email=form.email.data,
            password=None,
            is_bot=form.is_from_bot,
        )
        flash(LINK_SENT.format(form.email.data), "info")
        return redirect(url_for("account.login"))
    return render_template("account/register_with_passkey.html", form=form)


@account.route("/confirm-account/<token:token>/passkey", methods=["GET", "POST"])
@anonymous_required
@limits.sign_in_by_site
def confirm_with_passkey(token: str) -> ResponseReturnValue:
    """Confirm an account by the passkey that the browser has made, and sign its user in."""
    page = redirect(url_for("account.confirm", token=token))
    if request.method in SAFE_METHODS:
        return page
    text = request.form.get("credential", "")
    if not text:
        flash(NOT_SENT, "error")
        return page
    name = device_name(request.headers.get("User-Agent", ""))
    try:
        user = registration.confirm(token, text, name=name, place=here(), binding=binding())
    except Malformed:
        abort(400)
    except LinkRefused:  # The page says what to do.
        return page
    except (NotVerified, AlreadyAdded):
        flash(NOT_VERIFIED, "error")
        return page
    return sign_in(user, method=services.METHOD, proves_two=True)


@account.route("/confirm-account/<token:token>/passkey/options", methods=["GET", "POST"])
@anonymous_required
@limits.sign_in_by_site
def confirm_with_passkey_options(token: str) -> ResponseReturnValue:
    """Return the options with which the browser makes the passkey, as JSON."""
    if request.method in SAFE_METHODS:
        return redirect(url_for("account.confirm", token=token))
    try:
        return registration.options(token, here(), binding())
    except LinkRefused:
        abort(404)
