"""Error handlers for exceptions of the services, and for forms that are too old."""

from typing import Any

from flask import Flask, current_app, g, redirect, request, url_for
from flask_login import current_user
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import Forbidden, TooManyRequests

from app.kit.web.accept import wants_json
from app.kit.web.csrf import comes_from_here
from app.kit.web.errors import HOME, MESSAGES, render, request_id, show, show_conflict
from app.kit.web.identity import has_been_someone_else
from app.kit.web.redirects import next_url
from app.services.guesses import TooManyGuesses
from app.services.policy import InsufficientPrivileges, NotWhileImpersonating, RoleGone, UserGone

SECRET_FIELDS = ("password", "csrf_token", "token")
CHOSEN_FIELDS = ("seen", "confirmed", "action", "submit")

INSUFFICIENT_PRIVILEGES = (
    "This is beyond what you may do",
    "It reaches a person or a role with permissions that you lack. Someone who has all of them "
    "can do it.",
)
FORBIDDEN_WHILE_IMPERSONATING = (
    "They may not open this",
    "The account that you are signed in as does not have the permission this page asks for. "
    "Stop being signed in as them to use your own.",
)
TOO_MANY_FOR_ACCOUNT = (
    MESSAGES[429][0],
    "Wait a quarter of an hour, then try again. If the account is yours, you need not wait: use a "
    "browser in which you have signed in before, or get a link for a new password by email.",
)
NOT_WHILE_IMPERSONATING = (
    "Not while you are signed in as someone else",
    "Passwords, addresses, sessions and whatever asks for a password are for the person alone. "
    "Stop being signed in as them; what your own permissions allow you can then do as yourself.",
)


def init_app(app: Flask) -> None:
    app.register_error_handler(Forbidden, show_not_permitted)
    app.register_error_handler(CSRFError, show_stale_form)
    app.register_error_handler(NotWhileImpersonating, show_not_while_acting)
    app.register_error_handler(TooManyGuesses, show_too_many_guesses)
    app.register_error_handler(InsufficientPrivileges, show_forbidden)
    for outdated in (RoleGone, UserGone):
        app.register_error_handler(outdated, show_conflict)


def show_not_permitted(error: Forbidden) -> Any:
    """Answer 403. During an impersonation, say that the impersonated user lacks the permission."""
    return show(error, FORBIDDEN_WHILE_IMPERSONATING if g.get("impersonating") else None)


def show_forbidden(_error: Exception) -> Any:
    """Tell the user that the action affects users or roles with permissions that they lack."""
    return show(Forbidden(), INSUFFICIENT_PRIVILEGES)


def show_not_while_acting(_error: Exception) -> Any:
    """Tell the user that this is not possible during an impersonation."""
    return show(Forbidden(), NOT_WHILE_IMPERSONATING)


def show_too_many_guesses(error: TooManyGuesses) -> Any:
    """Tell the visitor that no guess is left, and offer the owner of the account a reset link."""
    if not error.of_account:
        return show(TooManyRequests())
    ways_on = [(url_for("account.reset_password_request"), "Get a reset link")]
    return show(TooManyRequests(), TOO_MANY_FOR_ACCOUNT, ways_on)


def show_stale_form(error: CSRFError) -> Any:
    """Tell the user that the form is too old, and keep their input.

    The page offers to send the form again only if the browser states that it came from this site.
    Otherwise another site could have its form confirmed.
    """
    if wants_json():
        return show(error)
    view = current_app.view_functions.get(request.endpoint or "")
    is_for_guests = getattr(view, "for_guests", False) and comes_from_here()
    if is_for_guests and current_user.is_authenticated:
        # The user signed in meanwhile, in another tab or after a restart of the browser.
        return redirect(next_url(request.args.get("next"), HOME[0]), 303)
    fields = [
        (name, value)
        for name, value in request.form.items(multi=True)
        if not any(secret in name for secret in SECRET_FIELDS)
    ]
    can_be_sent = may_be_sent_again()
    page = render(
        "errors/csrf.html",
        code=400,
        fields=fields if can_be_sent else [pair for pair in fields if was_written(*pair)],
        action=request.full_path.removesuffix("?") if can_be_sent else None,
        was_someone_else=has_been_someone_else(),
        request_id=request_id(),
    )
    return page, 400


def may_be_sent_again() -> bool:
    """Tell whether a form with a rejected token comes from this site and from this user.

    A form that was rendered before an impersonation started or ended is not sent for another user.
    """
    return bool(comes_from_here()) and not has_been_someone_else()


def was_written(name: str, value: str) -> bool:
    """Tell whether a field of the form may hold text that the user would not like to lose.

    Ticked rows and other numbers are quick to choose again.
    """
    return bool(value) and not value.isdecimal() and name not in CHOSEN_FIELDS
