"""The browser's side of second factors: the gate, and the cookie of a trusted browser."""

from __future__ import annotations

from datetime import timedelta

from flask import current_app, request, url_for
from flask.typing import ResponseReturnValue

from app.features.two_factor import devices, services
from app.features.two_factor.models import is_demanded_of
from app.kit import guesses
from app.kit.web.gates import WAYS_OUT, gate, lead_to
from app.kit.web.methods import SAFE_METHODS
from app.kit.web.sign_in import browser_marks
from app.kit.web.sign_in.second_steps import demands_second_step, steps_of, vouches_for_browser
from app.models import User
from app.sign_in import before_sign_out, me


@demands_second_step
def is_demanded(user: User) -> bool:
    """Tell whether a user with a passkey, for example, is asked for it without having chosen so."""
    return is_demanded_of(user.role)


@gate("second_factor_missing", order=25, spares=WAYS_OUT)
def lead_to_second_factor() -> ResponseReturnValue | None:
    """Hold back users whose role requires a second factor, until this session has proved one.

    The gates of an unconfirmed email and of a new password come first. During an impersonation the
    role of the impersonator counts: they may have got it, or its demand, since they began.
    """
    user = me()
    if user.session is None or user.session.has_second_factor:
        return None
    if user.impersonator is not None:
        if not is_demanded_of(user.impersonator.role):
            return None
        services.end_impersonation(user.session)
        return lead_to(
            url_for("main.index"),
            title="The impersonation has ended",
            message="Your role requires a second factor. Set it up, then try again.",
        )
    if not is_demanded_of(user.role) or not user.confirmed or user.must_change_password:
        return None
    page = request.full_path.removesuffix("?") if request.method in SAFE_METHODS else None
    if steps_of(user, "password"):
        return lead_to(
            url_for("account.reauthenticate", next=page),
            title="Confirm that it is you",
            message="Your role requires a second factor. Sign in again with it first.",
        )
    return lead_to(
        url_for("account.set_up_two_factor"),
        title="Set up two-factor authentication first",
        message="Your role requires a second factor. Set it up, then try again.",
    )


def is_known(user: User) -> bool:
    """Tell whether this browser was signed in to the account before."""
    return guesses.has_mark(user.id, user.browser_state(), browser_marks.read())


# Trusted browsers


def trust_browser(user: User) -> None:
    """Trust this browser. The caller commits."""
    token = devices.trust(user, device=request.headers.get("User-Agent", ""))
    browser_marks.keep_cookie(_cookie_name(), token, lasts=devices.lifetime())


@vouches_for_browser
def is_trusted(user: User) -> bool:
    return devices.is_trusted(user, request.cookies.get(_cookie_name(), ""))


@before_sign_out
def end_trust(user: User) -> None:
    """End the trust in this browser when the user signs out, but not an impersonator."""
    token = request.cookies.get(_cookie_name(), "")
    if token and user.impersonator is None:
        devices.forget(token)
        browser_marks.keep_cookie(_cookie_name(), "", lasts=timedelta(0))


def _cookie_name() -> str:
    # The name has the same prefix and suffix as that of the known browsers.
    name: str = current_app.config["KNOWN_BROWSER_COOKIE_NAME"]
    return name.replace("known_browser", "trusted_browser")
