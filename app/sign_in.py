"""The browser's side of signing in: cookies, redirects to the login page and impersonation."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import (
    Flask,
    Response,
    abort,
    after_this_request,
    current_app,
    flash,
    g,
    redirect,
    request,
    session,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_login import current_user, login_user, logout_user, user_loaded_from_cookie

from app.extensions import login_manager
from app.kit.web.accept import wants_json
from app.kit.web.gates import needs_no_user
from app.kit.web.headers import SAFE_METHODS
from app.models import User
from app.services import guesses, impersonation, sessions

# Session key: the id of the impersonated user, or None after an impersonation ended.
ACTING_AS = "acting_as"
# Session key: set if the session was restored from the remember-me cookie alone.
ONLY_REMEMBERED = "only_remembered"
OF_THE_SIGN_IN = ("_user_id", "_fresh", "_id", ONLY_REMEMBERED)


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
    value = guesses.add_mark(user, browser_marks())
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


def sign_out() -> None:
    """End this browser's session, in the cookies and on the server."""
    if current_user.is_authenticated:
        if current_user.impersonator:
            impersonation.stop(me())
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


# Impersonation


@dataclass(frozen=True)
class Acting:
    """The values of the impersonation banner, kept plain so that error pages can show them too."""

    name: str
    email: str
    by_name: str
    until: datetime


def take_on(other_id: int | None) -> None:
    """Start a new cookie when an impersonation starts or ends, and keep only the sign-in.

    Forms that were rendered for the previous identity are rejected, because their CSRF token
    belongs to the former cookie.
    """
    kept = {name: session[name] for name in OF_THE_SIGN_IN if name in session}
    session.clear()
    session.update(kept)
    session[ACTING_AS] = other_id


def has_been_someone_else() -> bool:
    """Tell whether an open form may have been rendered before an impersonation started or ended."""
    return ACTING_AS in session


def keep_identities_apart() -> ResponseReturnValue | None:
    """Ignore forms rendered before an impersonation started or ended.

    Registered to run before each request. An impersonation may end at any time while its pages are
    still open: it expires, or an administrator changes one of the two accounts.
    """
    if needs_no_user(current_app, request.endpoint) or not current_user.is_authenticated:
        return None
    user = me()
    row, impersonator = user.session, user.impersonator
    if impersonator is not None and row is not None and row.acting_until is not None:
        name = user.full_name() or user.email
        by_name = impersonator.full_name() or impersonator.email
        g.impersonating = Acting(name, user.email, by_name, row.acting_until)
    elif row is not None and row.acting_as_id is not None:
        impersonation.settle(row)
    now_as = user.id if impersonator else None
    if session.get(ACTING_AS) == now_as:
        return None
    take_on(now_as)
    if impersonator is None:
        flash("You are yourself again: being signed in as someone else has ended.", "info")
    if request.method in SAFE_METHODS:
        return None
    return redirect(url_for("main.index"))
