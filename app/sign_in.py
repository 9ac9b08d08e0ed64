"""The browser's side of signing in and out: its cookies, and the redirect afterwards."""

from collections.abc import Callable

from flask import flash, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user, login_user, logout_user

from app.kit.web.restrict import may_open
from app.kit.web.sign_in import second_steps
from app.kit.web.sign_in.browser_marks import mark_browser
from app.kit.web.sign_in.second_steps import PendingSignIn
from app.models import User
from app.services import sessions
from app.services import sign_in as sign_in_service

# Session key: set if the remember-me cookie restored the session, if trust spared its second step,
# or if a provider signed the user in without asking them.
NOT_FRESH = "only_remembered"
OF_THE_SIGN_IN = ("_user_id", "_fresh", "_id", NOT_FRESH)

_before_sign_out: list[Callable[[User], None]] = []


def sign_in(
    user: User,
    *,
    to: str = "",
    remember: bool = False,
    method: str = "password",
    proves_two: bool = False,
) -> ResponseReturnValue:
    """Sign `user` in on this browser, and redirect to the path `to` or to the landing page.

    Every sign-in ends here. A user who has set up a second step gets no session yet, and is
    redirected to its page. `method` is a name for the audit trail. Set `proves_two` for a method
    that proves two factors by itself.
    """
    session.clear()
    pending = PendingSignIn(method=method, remember=remember, to=to)
    steps = [] if proves_two else second_steps.steps_of(user, method)
    if steps and not second_steps.is_vouched_for(user):
        sign_in_service.note_first_step(user, method)
        return second_steps.ask(user, pending, steps)
    answer = complete(user, pending, has_second_factor=proves_two or bool(steps))
    if steps:  # The trust spares the code, and not what a sensitive action demands.
        session[NOT_FRESH] = True
    return answer


def confirm_sign_in(*, to: str, method: str = "password") -> ResponseReturnValue:
    """Make the sign-in of the current user fresh, after the second step if there is one."""
    user = me()
    pending = PendingSignIn(
        method=method, to=to, session_id=user.session.id if user.session else None
    )
    steps = second_steps.steps_of(user, method)
    return second_steps.ask(user, pending, steps) if steps else complete(user, pending)


def complete(
    user: User, pending: PendingSignIn, *, has_second_factor: bool = False
) -> ResponseReturnValue:
    """Start the session of a sign-in, or make it fresh, and redirect to where it was going."""
    if pending.session_id is not None and user.session is not None:
        sessions.confirm(user.session, method=pending.method, has_second_factor=has_second_factor)
        for name in (NOT_FRESH, second_steps.PENDING):
            session.pop(name, None)
        return redirect(pending.to or landing_page(user))  # too long for the cookie
    first_step = {NOT_FRESH: True} if NOT_FRESH in session else {}
    session.clear()
    session.update(first_step)
    user.session_token = sessions.start(
        user,
        remembered=pending.remember,
        address=request.remote_addr or "",
        device=request.headers.get("User-Agent", ""),
        method=pending.method,
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
