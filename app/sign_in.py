"""The browser's side of signing in: the cookies, and who may not go further yet."""

from flask import request, session
from flask_login import current_user, login_user, logout_user

from app.models import User
from app.services import sessions


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


def sign_out() -> None:
    """End this browser's session, on the server too."""
    if current_user.is_authenticated:
        sessions.end(current_user.session)
    logout_user()
    session.clear()


def note_activity() -> None:
    """Keep a session that is in use from running out. Registered to run before each request."""
    if request.endpoint != "static" and current_user.is_authenticated:
        sessions.touch(current_user.session)
