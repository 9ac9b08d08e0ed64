"""The hooks of each request that keep a browser signed in, or lead it to the login page."""

from flask import Flask, Response, abort, current_app, g, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import user_loaded_from_cookie

from app.extensions import login_manager
from app.kit.web.accept import wants_json
from app.kit.web.gatekeeper import needs_no_user
from app.kit.web.methods import SAFE_METHODS
from app.services import sessions
from app.sign_in import NOT_FRESH, me


@login_manager.unauthorized_handler
def ask_to_sign_in() -> ResponseReturnValue:
    """Redirect the visitor to the login page, which leads back to the requested page."""
    if wants_json():
        abort(401)
    # Do not write to the cookie: a request of another tab may have renewed it meanwhile.
    wanted = request.full_path.removesuffix("?") if request.method in SAFE_METHODS else ""
    return redirect(url_for("account.login", next=wanted))


def send_renewed_token(response: Response) -> Response:
    """Write the session's new token to the cookies, if sessions.renew has replaced it.

    Registered to run after each request. After an error the token is not written, because the
    transaction may not have been committed.
    """
    user = g.get("_login_user")  # set by Flask-Login once the request has loaded the user
    # The status first: after an error the user is read again, and the database may be away.
    if user is None or response.status_code >= 500 or user.session is None:
        return response
    if session.get("_user_id") != user.session_token:
        session["_user_id"] = user.session_token
        if user.session.remembered:
            session["_remember"] = "set"
    return response


@user_loaded_from_cookie.connect
def note_remembered(_app: Flask, **_user: object) -> None:
    session[NOT_FRESH] = True


def note_activity() -> None:
    """Extend the session while it is in use. Registered to run before each request."""
    if not needs_no_user(current_app, request.endpoint) and (row := me().session) is not None:
        sessions.touch(row)
