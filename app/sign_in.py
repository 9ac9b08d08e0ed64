"""The browser's side of signing in: cookies and redirects to the login page."""

from collections.abc import Callable

from flask import (
    Flask,
    Response,
    abort,
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
from app.kit.web import second_steps
from app.kit.web.accept import wants_json
from app.kit.web.browser_marks import mark_browser
from app.kit.web.gates import needs_no_user
from app.kit.web.methods import SAFE_METHODS
from app.kit.web.restrict import may_open
from app.kit.web.second_steps import PendingSignIn
from app.models import User
from app.services import sessions
from app.services import sign_in as sign_in_service

# Session key: set if the session was restored from the remember-me cookie alone.
ONLY_REMEMBERED = "only_remembered"
OF_THE_SIGN_IN = ("_user_id", "_fresh", "_id", ONLY_REMEMBERED)

_before_sign_out: list[Callable[[User], None]] = []


def sign_in(
    user: User,
    *,
    to: str = "",
    remember: bool = False,
    way: str = "password",
    proves_two: bool = False,
) -> ResponseReturnValue:
    """Sign `user` in on this browser, and redirect to the path `to` or to the landing page.

    Every way to sign in ends here. A user who has set up a second step gets no session yet, and is
    redirected to its page. `way` names the way for the audit trail. Set `proves_two` for a way that
    proves two factors by itself.
    """
    session.clear()
    pending = PendingSignIn(way=way, remember=remember, to=to)
    steps = [] if proves_two else second_steps.steps_of(user, way)
    if steps and not second_steps.is_vouched_for(user):
        sign_in_service.note_first_step(user, way)
        return second_steps.ask(user, pending, steps)
    return complete(user, pending, has_second_factor=proves_two or bool(steps))


def confirm_sign_in(*, to: str, way: str = "password") -> ResponseReturnValue:
    """Make the sign-in of the current user fresh, after the second step if there is one."""
    user = me()
    pending = PendingSignIn(way=way, to=to, session_id=user.session.id if user.session else None)
    steps = second_steps.steps_of(user, way)
    return second_steps.ask(user, pending, steps) if steps else complete(user, pending)


def complete(
    user: User, pending: PendingSignIn, *, has_second_factor: bool = False
) -> ResponseReturnValue:
    """Start the session of a sign-in, or make it fresh, and redirect to where it was going."""
    if pending.session_id is not None and user.session is not None:
        sessions.confirm(user.session, way=pending.way, has_second_factor=has_second_factor)
        for name in (ONLY_REMEMBERED, second_steps.PENDING):
            session.pop(name, None)
        return redirect(pending.to or landing_page(user))  # too long for the cookie
    session.clear()
    user.session_token = sessions.start(
        user,
        remembered=pending.remember,
        address=request.remote_addr or "",
        device=request.headers.get("User-Agent", ""),
        way=pending.way,
        has_second_factor=has_second_factor,
    )
    login_user(user, remember=pending.remember)
    mark_browser(user)
    flash("You are signed in.", "success")
    return redirect(pending.to or landing_page(user))


def landing_page(user: User) -> str:
    """Return the URL of the landing page of the user's role, if they may open it."""
    endpoint = f"{user.role.index}.index" if user.role else ""
    return url_for(endpoint if may_open(endpoint) else "main.index")


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


def note_activity() -> None:
    """Extend the session while it is in use. Registered to run before each request."""
    if not needs_no_user(current_app, request.endpoint) and current_user.is_authenticated:
        sessions.touch(current_user.session)
