"""Keep the marks of the accounts that this browser was signed in to, in a cookie."""

from datetime import timedelta
from typing import Any

from flask import Response, after_this_request, current_app, request

from app.kit import guesses


def read() -> str:
    """Return the cookie with the marks."""
    return request.cookies.get(current_app.config["KNOWN_BROWSER_COOKIE_NAME"], "")


def mark_browser(user: Any) -> None:
    """Mark this browser as known to `user`, so that strangers cannot use up its guesses."""
    value = guesses.add_mark(user.id, user.browser_state(), read())
    name = current_app.config["KNOWN_BROWSER_COOKIE_NAME"]
    keep_cookie(name, value, lasts=timedelta(days=guesses.MARK_DAYS))


def keep_cookie(name: str, value: str, *, lasts: timedelta, path: str = "/") -> None:
    """Send a cookie, which no script can read, with the response to this request."""

    @after_this_request
    def keep(response: Response) -> Response:
        response.set_cookie(
            name,
            value,
            max_age=lasts,
            path=path,
            secure=current_app.config["SESSION_COOKIE_SECURE"],
            httponly=True,
            samesite="Lax",
        )
        return response
