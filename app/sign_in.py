"""The browser's side of signing in: the cookies, who may not go further, who acts as whom."""

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

# In the cookie: the id of whom this browser is signed in as beside its own user, or None.
ACTING_AS = "acting_as"
# In the cookie of a browser that came back with the cookie that remembers alone.
ONLY_REMEMBERED = "only_remembered"
OF_THE_SIGN_IN = ("_user_id", "_fresh", "_id", ONLY_REMEMBERED)


def sign_in(user: User, *, remember: bool = False) -> None:
    """Sign `user` in on this browser. Nothing of the visitor's earlier session is kept."""
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
    """Return what this browser carries of the accounts that it was signed in to."""
    return request.cookies.get(current_app.config["KNOWN_BROWSER_COOKIE_NAME"], "")


def mark_browser(user: User) -> None:
    """Give this browser a mark of `user`, so that strangers cannot use up its guesses."""
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
    """Return the signed-in user themselves, not Flask-Login's stand-in for them."""
    user: User = current_user._get_current_object()
    return user


def sign_out() -> None:
    """End this browser's session, on the server too."""
    if current_user.is_authenticated:
        if current_user.impersonator:
            impersonation.stop(me())
        sessions.end(current_user.session)
    forget()


def forget() -> None:
    """Have this browser forget who was signed in; the session on the server is left as it is."""
    session.clear()
    # Last, because it notes in the session that the cookie that remembers is to go.
    logout_user()


@login_manager.unauthorized_handler
def ask_to_sign_in() -> ResponseReturnValue:
    """Send the visitor to the login page, and from there back to the page they wanted."""
    if wants_json():
        abort(401)
    # Nothing is written in the cookie: another tab's request may have renewed it meanwhile.
    wanted = request.full_path.removesuffix("?") if request.method in SAFE_METHODS else ""
    return redirect(url_for("account.login", next=wanted))


def hand_over_token(response: Response) -> Response:
    """Put the token that a service gave the session into the cookies (sessions.renew).

    Registered to run after each request. An error may mean that nothing was committed.
    """
    user = g.get("_login_user")  # Flask-Login's, if anybody asked for the user
    if user is None or not user.is_authenticated or response.status_code >= 500:
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
    """Take this browser for more than remembered from now on."""
    session.pop(ONLY_REMEMBERED, None)


def note_activity() -> None:
    """Keep a session that is in use from running out. Registered to run before each request."""
    if not needs_no_user(current_app, request.endpoint) and current_user.is_authenticated:
        sessions.touch(current_user.session)


# Signing in as someone else


@dataclass(frozen=True)
class Acting:
    """What the banner says: plain values, so that error pages can say it too."""

    name: str
    email: str
    by_name: str
    until: datetime


def take_on(other_id: int | None) -> None:
    """Begin the cookie anew for whom the browser is signed in as from now on.

    Only the sign-in itself is kept. A form that was rendered for the one does nothing for the
    other: its token was the former cookie's.
    """
    kept = {name: session[name] for name in OF_THE_SIGN_IN if name in session}
    session.clear()
    session.update(kept)
    session[ACTING_AS] = other_id


def has_been_someone_else() -> bool:
    """Tell whether a form of this browser may have been rendered for another user than now."""
    return ACTING_AS in session


def keep_identities_apart() -> ResponseReturnValue | None:
    """Do nothing that a page asks for which was made for someone else than the browser now is.

    Registered to run before each request. Signing in as someone else may end at any time, by
    itself or by what others do, while their pages are still open.
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
