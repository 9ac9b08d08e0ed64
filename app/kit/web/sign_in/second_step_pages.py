"""Load the sign-in that waits for its second step, and complete it, for the pages of methods."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any

from flask import Flask, current_app, flash, redirect, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from app.extensions import db
from app.kit import tokens
from app.kit.web.sign_in.second_steps import PENDING, PendingSignIn, SecondStep, steps_of


@dataclass(frozen=True, kw_only=True)
class SignInCallbacks:
    """The functions and endpoints of the application, which knows users and starts sessions.

    `complete` starts the session and returns the redirect. `login` and `home` are endpoints.
    """

    load_user: Callable[[int], Any]
    complete: Callable[..., ResponseReturnValue]
    login: str
    home: str


def init_app(app: Flask, callbacks: SignInCallbacks) -> None:
    app.extensions["second_step"] = callbacks


def _callbacks() -> SignInCallbacks:
    callbacks: SignInCallbacks = current_app.extensions["second_step"]
    return callbacks


def waiting_sign_in() -> tuple[Any, PendingSignIn] | None:
    """Return the user and the sign-in that waits in this browser, or None.

    A sign-in is void if the account has changed, or if it was begun for another session than that
    of this browser.
    """
    values = dict(session.get(PENDING, {}))
    content = tokens.read("second_step", values.pop("token", ""))
    user = _callbacks().load_user(content.user_id) if content else None
    if content is None or user is None or not user.is_active:
        return None
    pending = PendingSignIn(**values)
    if pending.session_id is None:
        is_here = current_user.is_anonymous
    else:
        is_here = current_user == user and user.session.id == pending.session_id
    return (user, pending) if is_here and content.matches(user.sign_in_state()) else None


def other_steps(user: Any, pending: PendingSignIn, endpoint: str | None) -> list[SecondStep]:
    """Return the methods other than the one at `endpoint`, for links on its page."""
    return [one for one in steps_of(user, pending.method) if one.endpoint != endpoint]


def restart() -> ResponseReturnValue:
    """Discard the sign-in that waited, and lead to the beginning."""
    if session.pop(PENDING, None):
        flash("That took too long, or your account has changed. Start again.", "info")
    callbacks = _callbacks()
    return redirect(url_for(callbacks.home if current_user.is_authenticated else callbacks.login))


def second_step_page(view: Callable[..., Any]) -> Callable[..., Any]:
    """Pass the user and the PendingSignIn to a view, or lead to the beginning if none waits."""

    @wraps(view)
    def guarded(**values: Any) -> Any:
        found = waiting_sign_in()
        return view(*found, **values) if found else restart()

    return guarded


def finish_sign_in(user: Any, method: str) -> ResponseReturnValue:
    """Complete the sign-in of `user` that waits, and redirect to where it was going.

    Call this once `method` is checked, with the user locked (policy.lock) and before a commit. If
    the account has changed meanwhile, the use of a code is rolled back.
    """
    found = waiting_sign_in()
    if found is None or found[0] is not user:
        db.session.rollback()
        return restart()
    pending = replace(found[1], method=f"{found[1].method}, {method}")
    return _callbacks().complete(user, pending, has_second_factor=True)
