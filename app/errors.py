"""Error pages. They ask the database nothing, not even who the visitor is: it may be away."""

import logging
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from flask import (
    Flask,
    current_app,
    g,
    jsonify,
    redirect,
    render_template,
    request,
    url_for,
)
from flask_login import current_user
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import InterfaceError, OperationalError, PendingRollbackError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm.exc import ObjectDeletedError, StaleDataError
from werkzeug.exceptions import (
    Conflict,
    Forbidden,
    HTTPException,
    InternalServerError,
    ServiceUnavailable,
    TooManyRequests,
)

from app.extensions import login_manager
from app.kit.web.accept import wants_json
from app.kit.web.csrf import SentFromElsewhere, comes_from_here
from app.kit.web.gates import GateClosed
from app.kit.web.headers import SentInTheClear
from app.kit.web.redirects import next_url
from app.kit.web.request_log import Sparing
from app.services.guesses import TooManyGuesses
from app.services.policy import AboveOneself, NotWhileActing, RoleGone, UserGone
from app.sign_in import has_been_someone_else

logger = logging.getLogger(__name__)
sparing = Sparing(logger)

RETRY_AFTER = 5  # seconds
SECRET_FIELDS = ("password", "csrf_token", "token")
HOME = ("/", "Go to the home page")
# Not 404: a cache may keep it for others.
LEADS_BACK = (403, 409)
CHOSEN_FIELDS = ("seen", "confirmed", "action", "submit")

MESSAGES = {
    400: ("That request makes no sense", "Go back, reload the page and try again."),
    401: ("Sign in first", "This page is for people who are signed in."),
    403: ("You may not open this", "Your account does not have the permission this page asks for."),
    404: ("There is no such page", "The address may be misspelt, or the page is gone."),
    405: ("That cannot be done here", "Go back and use the buttons of the page."),
    408: ("That took too long", "The request did not arrive in time. Try again."),
    409: ("Someone was quicker", "This was changed or deleted in the meantime. Look at it again."),
    413: ("That is too large", "Send less, or a smaller file."),
    429: ("Too many attempts", "Wait a few minutes, then try again."),
    500: (
        "Something went wrong",
        "The fault is ours and has been noted. Try again in a few minutes.",
    ),
    503: ("Not available just now", "The app cannot reach something it needs. Try again soon."),
}
ABOVE_ONESELF = (
    "This is beyond what you may do",
    "It reaches a person or a role with permissions that you lack. Someone who has all of them "
    "can do it.",
)
FORBIDDEN_WHILE_ACTING = (
    "They may not open this",
    "The account that you are signed in as does not have the permission this page asks for. "
    "Stop being signed in as them to use your own.",
)
TOO_MANY_FOR_ACCOUNT = (
    MESSAGES[429][0],
    "Wait a quarter of an hour, then try again. If the account is yours, you need not wait: use a "
    "browser in which you have signed in before, or get a link for a new password by email.",
)
NOT_WHILE_ACTING = (
    "Not while you are signed in as someone else",
    "Passwords, addresses, sessions and whatever asks for a password are for the person alone. "
    "Stop being signed in as them; what your own permissions allow you can then do as yourself.",
)

SENT_FROM_ELSEWHERE = (
    "This form was not sent from here",
    "Your browser says that it was sent from another address. Open the site at {} and try again.",
)
SENT_IN_THE_CLEAR = (
    "This was not sent over HTTPS",
    "It was refused, because others could read it on the way. Open the site at {} and try again.",
)


def init_app(app: Flask) -> None:
    app.register_error_handler(HTTPException, show)
    app.register_error_handler(CSRFError, show_stale_form)
    app.register_error_handler(SentFromElsewhere, show_where_to_send_it)
    app.register_error_handler(SentInTheClear, show_where_to_send_it)
    app.register_error_handler(NotWhileActing, show_not_while_acting)
    app.register_error_handler(GateClosed, show_closed_gate)
    app.register_error_handler(TooManyGuesses, show_too_many_guesses)
    for away in (OperationalError, InterfaceError, PendingRollbackError, PoolTimeout):
        app.register_error_handler(away, show_unavailable)
    app.register_error_handler(AboveOneself, show_forbidden)
    for outdated in (StaleDataError, ObjectDeletedError, RoleGone, UserGone):
        app.register_error_handler(outdated, show_conflict)


def show(
    error: HTTPException,
    words: tuple[str, str] | None = None,
    ways_on: Sequence[tuple[str, str]] = (),
) -> Any:
    """Answer with a page, or with JSON where the client asks for that.

    `words` are a title and a message, where those of the code would not say what is the matter;
    `ways_on` are the addresses and labels of links that help.
    """
    if error.code is None or error.code < 400:
        return error
    code = error.code if error.code in MESSAGES else (500 if error.code >= 500 else 400)
    title, message = words or MESSAGES[code]
    if code == 403 and words is None and g.get("acting"):
        title, message = FORBIDDEN_WHILE_ACTING
    original = getattr(error, "original_exception", None)
    if isinstance(error, InternalServerError) and original is None:
        logger.error("the app answered %s by itself: %s", error.code, error)
    headers = [
        (name, value)
        for name, value in error.get_headers(request.environ)
        if name.lower() not in {"content-type", "content-length"}
    ]
    if wants_json():
        return jsonify(error=title, message=message, request_id=request_id()), error.code, headers
    page = render(
        "errors/error.html",
        code=error.code,
        title=title,
        message=message,
        actions=[*ways_on, *(way_back() if code in LEADS_BACK else []), HOME],
        request_id=request_id(),
    )
    return page, error.code, headers


def render(template: str, **values: Any) -> str:
    """Render a page without loading the user: Flask-Login would do so for every template."""
    g.setdefault("_login_user", login_manager.anonymous_user())
    return render_template(template, **values)


def way_back() -> list[tuple[str, str]]:
    """Return a link to the page from which the visitor came, if it is another one of this site."""
    try:
        came_from = urlsplit(request.referrer or "")
    except ValueError:
        return []
    back = next_url(came_from._replace(scheme="", netloc="", fragment="").geturl(), "")
    if not back or came_from.netloc != request.host or came_from.path == request.path:
        return []
    return [(back, "Go back")]


def show_unavailable(error: Exception) -> Any:
    """Answer 503 when the database does not answer, or is locked for longer than is waited for."""
    cause = getattr(error, "orig", None) or error
    kind, sentence = type(cause).__name__, str(cause).strip().partition("\n")[0]
    sparing.error(kind, "the database is not available: %s: %s", kind, sentence)
    return show(ServiceUnavailable(retry_after=RETRY_AFTER))


def show_forbidden(_error: Exception) -> Any:
    """Answer that whoever asks may not do this to people or roles that may do more."""
    return show(Forbidden(), ABOVE_ONESELF)


def show_conflict(_error: Exception) -> Any:
    """Answer that what was to be changed is no longer there, or no longer what it was."""
    return show(Conflict())


def show_where_to_send_it(error: SentFromElsewhere | SentInTheClear) -> Any:
    """Say at which address a form is taken; no permission is at fault."""
    title, message = SENT_IN_THE_CLEAR if isinstance(error, SentInTheClear) else SENT_FROM_ELSEWHERE
    return show(error, (title, message.format(current_app.config["APP_URL"])))


def show_not_while_acting(_error: Exception) -> Any:
    """Answer that this is left to the person as whom someone else is signed in."""
    return show(Forbidden(), NOT_WHILE_ACTING)


def show_closed_gate(error: GateClosed) -> Any:
    """Answer a client that wants JSON with what opens the gate."""
    return show(error, (error.title, error.message))


def show_too_many_guesses(error: TooManyGuesses) -> Any:
    """Answer that no guess at a password is left, and tell the owner how to get in all the same."""
    if not error.of_account:
        return show(TooManyRequests())
    ways_on = [(url_for("account.reset_password_request"), "Get a reset link")]
    return show(TooManyRequests(), TOO_MANY_FOR_ACCOUNT, ways_on)


def show_stale_form(error: CSRFError) -> Any:
    """Say that the form is too old, and keep what was typed into it.

    Sending it again is offered only when the browser vouches that it came from this site: the
    page must not help another site to have its form confirmed.
    """
    if wants_json():
        return show(error)
    view = current_app.view_functions.get(request.endpoint or "")
    is_for_guests = getattr(view, "for_guests", False) and comes_from_here()
    if is_for_guests and current_user.is_authenticated:
        # Signed in meanwhile, in another tab or by a browser that was started again.
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
    """Tell whether a form whose token is not accepted comes from this site and this very person.

    One that was rendered for whom the browser was signed in as before is not sent for another.
    """
    return bool(comes_from_here()) and not has_been_someone_else()


def was_written(name: str, value: str) -> bool:
    """Tell whether a field of the form may hold words that someone would not like to lose.

    Rows that were ticked and what else is a number are chosen again in a moment.
    """
    return bool(value) and not value.isdecimal() and name not in CHOSEN_FIELDS


def request_id() -> str:
    return str(g.get("request_id", ""))
