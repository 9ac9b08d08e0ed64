"""Render error pages without the database, which may be unavailable, and without the user."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, current_app, g, jsonify, render_template, request
from sqlalchemy.exc import (
    InterfaceError,
    OperationalError,
    PendingRollbackError,
    ProgrammingError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm.exc import ObjectDeletedError, StaleDataError
from werkzeug.exceptions import Conflict, HTTPException, InternalServerError, ServiceUnavailable

from app.extensions import db, login_manager
from app.kit import unchecked_attempts
from app.kit.database import migrations
from app.kit.passwords.hashing_lane import HashingBusy
from app.kit.web.accept import ONLY_JSON, wants_json
from app.kit.web.cookieless import is_cookieless
from app.kit.web.csrf import SentFromElsewhere
from app.kit.web.gates import GateClosed
from app.kit.web.headers import SentInTheClear
from app.kit.web.logs.request_log import Sparing
from app.kit.web.redirects import next_url

logger = logging.getLogger(__name__)
sparing = Sparing(logger)

RETRY_AFTER = 5  # seconds
HOME = ("/", "Go to the home page")
# 404 is left out, because a cache may serve the page to other visitors.
LEADS_BACK = (403, 409)

MESSAGES = {
    400: ("This request is not valid", "Go back, reload the page and try again."),
    401: ("Sign in first", "This page is for people who are signed in."),
    403: ("You may not open this", "Your account does not have the permission this page asks for."),
    404: ("There is no such page", "The URL may be misspelt, or the page may have been removed."),
    405: ("This is not possible here", "Go back and use the buttons of the page."),
    408: ("The request took too long", "The request did not arrive in time. Try again."),
    409: (
        "Someone else changed this",
        "It was changed or deleted after you opened it. Reload it and try again.",
    ),
    413: ("The request is too large", "Send less, or a smaller file."),
    429: ("Too many attempts", "Wait a few minutes, then try again."),
    500: (
        "Something went wrong",
        "The fault is ours and has been noted. Try again in a few minutes.",
    ),
    503: ("Not available just now", "The app cannot reach something it needs. Try again soon."),
}
HASHING_BUSY = (
    "Too many people sign in at once",
    "Your form was not processed. Wait a few seconds, then send it again.",
)
SENT_FROM_ELSEWHERE = (
    "This form was not sent from here",
    "Your browser says that it was sent from another site. Open the site at {} and try again.",
)
SENT_IN_THE_CLEAR = (
    "This was not sent over HTTPS",
    "It was refused, because others could have read it in transit. Open the site at {} and try "
    "again.",
)


Words = tuple[str, str]
Answer = Callable[[HTTPException, Words | None], Any]
_answers: dict[str, Answer] = {}


def answer_below(path: str, answer: Answer) -> None:
    """Let `answer` respond to errors below `path`. It takes the error, and its words or None.

    Pages below the path keep the usual error pages.
    """
    if path not in _answers:
        ONLY_JSON.append(lambda: _is_below(path))
    _answers[path] = answer


def answered_paths() -> list[str]:
    """Return the paths that were passed to `answer_below`."""
    return list(_answers)


def _is_below(path: str) -> bool:
    """Tell whether the request is for `path` or a URL below it, and not for a page."""
    is_page = request.endpoint is not None and not is_cookieless()
    return f"{request.path}/".startswith(path) and not is_page


def init_app(app: Flask) -> None:
    """Register the handlers for general errors. app.errors adds those of this application."""
    app.register_error_handler(HTTPException, show)
    app.register_error_handler(SentFromElsewhere, show_where_to_send_it)
    app.register_error_handler(SentInTheClear, show_where_to_send_it)
    app.register_error_handler(GateClosed, show_closed_gate)
    app.register_error_handler(HashingBusy, show_busy_hashing)
    for away in (OperationalError, InterfaceError, PendingRollbackError, PoolTimeout):
        app.register_error_handler(away, show_unavailable)
    app.register_error_handler(ProgrammingError, show_outdated_tables)
    for outdated in (StaleDataError, ObjectDeletedError):
        app.register_error_handler(outdated, show_conflict)


def show(
    error: HTTPException,
    words: Words | None = None,
    ways_on: Sequence[tuple[str, str]] = (),
) -> Any:
    """Respond to an error with a page, or with JSON if the client prefers it.

    `words` is a title and a message that replace those of the status code. `ways_on` holds the URLs
    and labels of helpful links.
    """
    original = getattr(error, "original_exception", None)
    if isinstance(error, InternalServerError) and original is None:
        logger.error("the app answered %s by itself: %s", error.code, error)
    if answer := next((one for path, one in _answers.items() if _is_below(path)), None):
        return answer(error, words)
    if error.code is None or error.code < 400:
        return error
    code = error.code if error.code in MESSAGES else (500 if error.code >= 500 else 400)
    title, message = words or MESSAGES[code]
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
    """Render a page without loading the user, which Flask-Login does for every template."""
    g.setdefault("_login_user", login_manager.anonymous_user())
    return render_template(template, **values)


def way_back() -> list[tuple[str, str]]:
    """Return a link to the referring page, if it is another page of this site."""
    try:
        came_from = urlsplit(request.referrer or "")
    except ValueError:
        return []
    back = next_url(came_from._replace(scheme="", netloc="", fragment="").geturl(), "")
    if not back or came_from.netloc != request.host or came_from.path == request.path:
        return []
    return [(back, "Go back")]


def show_unavailable(error: Exception) -> Any:
    """Respond with 503 if the database does not answer, or stays locked beyond the timeout."""
    cause = getattr(error, "orig", None) or error
    kind, sentence = type(cause).__name__, str(cause).strip().partition("\n")[0]
    sparing.error(kind, "the database is not available: %s: %s", kind, sentence)
    return show(ServiceUnavailable(retry_after=RETRY_AFTER), outdated_tables())


def show_outdated_tables(error: ProgrammingError) -> Any:
    """Respond with 503 to a missing table of PostgreSQL while developing. Raise other errors."""
    if words := outdated_tables():
        return show(ServiceUnavailable(), words)
    raise error


def outdated_tables() -> Words | None:
    """Return the missing migration and its command, or None if another reason is to blame.

    Only developers see it: after `manage.py new`, their next page needs a table that is not there.
    """
    if not current_app.debug:
        return None
    try:
        db.session.rollback()
        folder = Path(current_app.root_path).parent / "migrations"
        found = migrations.problem(db.session.connection(), folder)
    except SQLAlchemyError:
        return None
    return (found.problem, found.hint) if found else None


def show_conflict(_error: Exception) -> Any:
    """Respond with 409 if the row to change was deleted or changed in the meantime."""
    return show(Conflict())


def show_where_to_send_it(error: SentFromElsewhere | SentInTheClear) -> Any:
    """Respond to a form from another origin or over plain HTTP with the URL of the site."""
    title, message = SENT_IN_THE_CLEAR if isinstance(error, SentInTheClear) else SENT_FROM_ELSEWHERE
    return show(error, (title, message.format(current_app.config["APP_URL"])))


def show_busy_hashing(_error: HashingBusy) -> Any:
    """Respond with 503 if the password of a form could not be hashed soon."""
    sparing.error("hashing", "A password was not hashed: too many wait in this process")
    unchecked_attempts.take_back()
    return show(ServiceUnavailable(retry_after=RETRY_AFTER), HASHING_BUSY)


def show_closed_gate(error: GateClosed) -> Any:
    """Respond to a JSON client with instructions to open the gate."""
    return show(error, (error.title, error.message))


def request_id() -> str:
    return str(g.get("request_id", ""))
