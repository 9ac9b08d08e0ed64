"""The browser's side of signing in: cookies and redirects to the login page."""

from collections.abc import Callable
from datetime import timedelta

from flask import (
    Flask,
    Response,
    abort,
    after_this_request,
    current_app,
    g,
    redirect,
    request,
    session,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_login import current_user, login_user, logout_user, user_loaded_from_cookie

from app.extensions import login_manager
from app.kit import guesses
from app.kit.web.accept import wants_json
from app.kit.web.gates import needs_no_user
from app.kit.web.methods import SAFE_METHODS
from app.models import User
from app.services import sessions

# Session key: set if the session was restored from the remember-me cookie alone.
ONLY_REMEMBERED = "only_remembered"
OF_THE_SIGN_IN = ("_user_id", "_fresh", "_id", ONLY_REMEMBERED)

_before_sign_out: list[Callable[[User], None]] = []


def sign_in(user: User, *, remember: bool = False) -> None:
    """Sign `user` in on this browser, and discard the visitor's earlier session."""
    session.clear()
    user.session_token = sessions.start(
        user,
        remembered=remember,
        address=request.remote_addr or "",
        device=request.headers.get("User-Agent", ""),
    )
    login_user(user, remember=remember)
    mark_browser(user)


def browser_marks() -> str:
    """Return the cookie with the marks of accounts that this browser was signed in to."""
    return request.cookies.get(current_app.config["KNOWN_BROWSER_COOKIE_NAME"], "")


def mark_browser(user: User) -> None:
    """Mark this browser as known to `user`, so that strangers cannot use up its guesses."""
    value = guesses.add_mark(user.id, user.browser_state(), browser_marks())
    config = current_app.config

    @after_this_request
    def keep(response: Response) -> Response:
        response.set_cookie(
            config["KNOWN_BROWSER_COOKIE_NAME"],
            value,
            max_age=timedelta(days=guesses.MARK_DAYS),
            secure=config["SESSION_COOKIE_SECURE"],
            httponly=True,
            samesite="Lax",
        )
        return response


def me() -> User:
    """Return the signed-in user itself, not Flask-Login's proxy."""
    user: User = current_user._get_current_object()
    return user


def before_sign_out(prepare: Callable[[User], None]) -> Callable[[User], None]:
    """Call the decorated function with the user before their session ends."""
    _before_sign_out.append(prepare)
    return prepare


def sign_out() -> None:
    """End this browser's session, in the cookies and on the server."""
    if current_user.is_authenticated:
        for prepare in _before_sign_out:
            prepare(me())
        sessions.end(current_user.session)
    forget()


def forget() -> None:
    """Clear this browser's cookies, and leave the session on the server as it is."""
    session.clear()
    # Last, because it notes in the session that the remember-me cookie must be deleted.
    logout_user()


@login_manager.unauthorized_handler
def ask_to_sign_in() -> ResponseReturnValue:
    """Redirect the visitor to the login page, which leads back to the requested page."""
    if wants_json():
        abort(401)
    # Do not write to the cookie: a request of another tab may have renewed it meanwhile.
    wanted = request.full_path.removesuffix("?") if request.method in SAFE_METHODS else ""
    return redirect(url_for("account.login", next=wanted))


def hand_over_token(response: Response) -> Response:
    """Write the session's new token to the cookies, if sessions.renew has replaced it.

    Registered to run after each request. After an error the token is not written, because the
    transaction may not have been committed.
    """
    user = g.get("_login_user")  # set by Flask-Login once the request has loaded the user
    # The status first: after an error the user is read again, and the database may be away.
    if user is None or response.status_code >= 500 or not user.is_authenticated:
        return response
    if session.get("_user_id") != user.session_token:
        session["_user_id"] = user.session_token
        if user.session.remembered:
            session["_remember"] = "set"
    return response


@user_loaded_from_cookie.connect
def note_remembered(_app: Flask, **_user: object) -> None:
    session[ONLY_REMEMBERED] = True


def gave_password() -> None:
    """Note in the cookie that the user entered the password in this browser."""
    session.pop(ONLY_REMEMBERED, None)


def note_activity() -> None:
    """Extend the session while it is in use. Registered to run before each request."""
    if not needs_no_user(current_app, request.endpoint) and current_user.is_authenticated:
        sessions.touch(current_user.session)
