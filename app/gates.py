"""The gates that hold back signed-in users and redirect them to another page."""

from flask import Flask, flash, g, request, session, url_for
from flask.typing import ResponseReturnValue

from app.kit.web.gatekeeper import ask_gates
from app.kit.web.gates import gate, lead_to, signs_in
from app.kit.web.methods import SAFE_METHODS
from app.kit.web.sign_in.second_steps import has_proved_steps
from app.services import sessions
from app.services.own_account import ensure_not_impersonating
from app.sign_in import NOT_FRESH, me


def init_app(app: Flask) -> None:
    app.before_request(ask_gates)


@gate("unconfirmed", order=10)
def lead_to_confirmation() -> ResponseReturnValue | None:
    """Hold back users who have not confirmed their email address."""
    user = me()
    if not user.is_authenticated or user.confirmed:
        return None
    return lead_to(
        url_for("account.unconfirmed"),
        title="Confirm your email address first",
        message="Open the link in the email that was sent to you, then try again.",
    )


@gate("must_change_password", order=20, spares=[signs_in])
def lead_to_new_password() -> ResponseReturnValue | None:
    """Hold back users who must choose a new password, but not an administrator impersonating them.

    Users confirm their email address first.
    """
    user = me()
    if not user.is_authenticated or not user.must_change_password or not user.confirmed:
        return None
    if user.impersonator is not None:
        return None
    wanted = _this_page() if request.method in SAFE_METHODS else None
    return lead_to(
        url_for("account.change_password", next=wanted),
        title="Choose a new password first",
        message="An administrator asked you to change your password. Change it, then try again.",
    )


@gate("impersonating", order=30, blueprint="account", hides=lambda: "impersonating" in g)
def leave_the_account_to_its_owner() -> None:
    """Refuse the account pages to an administrator who impersonates the user."""
    ensure_not_impersonating(me())


@gate("stale_sign_in")
def ask_for_the_password() -> ResponseReturnValue | None:
    """Ask for the password unless this browser gave it a short while ago (ASVS 5.0 7.5.3).

    A session restored from the remember-me cookie counts as stale, and so does one that lacks a
    second step. An administrator who impersonates the user is refused.
    """
    user = me()
    ensure_not_impersonating(user)
    if NOT_FRESH not in session and sessions.is_fresh(user.session) and has_proved_steps(user):
        return None
    # The browser does not send a form again after the redirect, so return to the form's page.
    rule = request.url_rule
    back = _this_page() if rule and "GET" in (rule.methods or ()) else url_for("admin.index")
    answer = lead_to(
        url_for("account.reauthenticate", next=back),
        title="Confirm that it is you",
        message="Enter your password again, then try again.",
    )
    flash("Confirm that it is you, then try again.", "form-info")
    return answer


def _this_page() -> str:
    # The query may name the rows to delete.
    return request.full_path.removesuffix("?")
