"""The browser's side of signing in: the cookies, and who may not go further yet."""

from flask import abort, flash, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user, login_user, logout_user

from app.extensions import login_manager
from app.headers import SAFE_METHODS, wants_json
from app.models import User
from app.services import sessions

# Whoever asks for these is the same to them, so a cookie must not make them ask the database.
WITHOUT_A_USER = {"static", "main.healthz", "main.readyz"}


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


def me() -> User:
    """Return the signed-in user themselves, not Flask-Login's stand-in for them."""
    user: User = current_user._get_current_object()
    return user


def sign_out() -> None:
    """End this browser's session, on the server too."""
    if current_user.is_authenticated:
        sessions.end(current_user.session)
    session.clear()
    # Last, because it notes in the session that the cookie that remembers is to go.
    logout_user()


@login_manager.unauthorized_handler
def ask_to_sign_in() -> ResponseReturnValue:
    """Send the visitor to the login page, and from there back to the page they wanted."""
    if wants_json():
        abort(401)
    flash("Sign in to open this page.", "info")
    wanted = request.full_path.removesuffix("?") if request.method in SAFE_METHODS else None
    return redirect(url_for("account.login", next=wanted))


def note_activity() -> None:
    """Keep a session that is in use from running out. Registered to run before each request."""
    if request.endpoint not in WITHOUT_A_USER and current_user.is_authenticated:
        sessions.touch(current_user.session)
