"""Error handlers for exceptions of the services."""

from typing import Any

from flask import Flask, g, url_for
from werkzeug.exceptions import Forbidden, TooManyRequests

from app.kit.guesses import TooManyGuesses
from app.kit.web.errors import MESSAGES, show, show_conflict
from app.services.own_account import NotWhileImpersonating, UserGone
from app.services.policy import InsufficientPrivileges, RoleGone

INSUFFICIENT_PRIVILEGES = (
    "You lack a permission for this",
    "It affects a person or a role with permissions that you lack. Someone who has all of them "
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
    "Passwords, email addresses, sessions and pages that ask for a password are for the person "
    "alone. Stop being signed in as them, then use your own permissions.",
)


def init_app(app: Flask) -> None:
    app.register_error_handler(Forbidden, show_not_permitted)
    app.register_error_handler(NotWhileImpersonating, show_not_while_impersonating)
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


def show_not_while_impersonating(_error: Exception) -> Any:
    """Tell the user that this is not possible during an impersonation."""
    return show(Forbidden(), NOT_WHILE_IMPERSONATING)


def show_too_many_guesses(error: TooManyGuesses) -> Any:
    """Tell the visitor that no guess is left, and offer the owner of the account a reset link."""
    if not error.of_account:
        return show(TooManyRequests())
    ways_on = [(url_for("account.reset_password_request"), "Get a reset link")]
    return show(TooManyRequests(), TOO_MANY_FOR_ACCOUNT, ways_on)
