"""Read the cookies of Flask-Login."""

from typing import Any

from flask import current_app
from flask_login import LoginManager, decode_cookie, encode_cookie

from app.kit.web.cookieless import is_cookieless


class CarefulLoginManager(LoginManager):
    """A login manager that accepts remember-me cookies of earlier secret keys.

    It ignores malformed cookies instead of raising an error, and all cookies of requests that
    none signs in.
    """

    def _load_user(self) -> Any:
        if is_cookieless():
            return self._update_request_context_with_user()
        return super()._load_user()

    def _load_user_from_remember_cookie(self, cookie: str) -> Any:
        if not cookie.isascii():  # Comparing it would raise.
            return None
        for key in current_app.config["SECRET_KEY_FALLBACKS"]:
            if token := decode_cookie(cookie, key=key):
                cookie = encode_cookie(token)
        token = decode_cookie(cookie)
        # Flask-Login would replace a newer token in the session cookie with an expired one.
        if token is None or self._user_callback(token) is None:
            return None
        return super()._load_user_from_remember_cookie(cookie)
