"""Keep the session cookie below the size limit of browsers, and read it without an age check."""

from typing import Any

from flask import Flask, Request, Response
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface, SessionMixin
from itsdangerous import BadSignature, URLSafeTimedSerializer

from app.kit.web.cookieless import is_cookieless

LARGEST_COOKIE = 4096  # bytes, name and attributes included (RFC 6265, section 6.1)
ATTRIBUTES = 256  # room for the name, Path, SameSite and the rest


class CookieSessionInterface(SecureCookieSessionInterface):
    """Flask's signed session cookie, without an age check and with a limited size."""

    def __init__(self) -> None:
        self._serializers: dict[tuple[Any, ...], URLSafeTimedSerializer | None] = {}

    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer | None:
        """Return the serializer of the app's keys. Flask makes one on each request: record 17."""
        keys = (app.secret_key, *(app.config["SECRET_KEY_FALLBACKS"] or ()))
        if keys not in self._serializers:
            self._serializers[keys] = super().get_signing_serializer(app)
        return self._serializers[keys]

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession:
        """Read the cookie without checking its age.

        Flask rejects a new cookie that another host with a fast clock has written. The row in
        `user_sessions` determines how long a user stays signed in.
        """
        cookie = request.cookies.get(self.get_cookie_name(app))
        serializer: Any = self.get_signing_serializer(app)
        try:
            content = serializer.loads(cookie) if cookie else None
        except BadSignature:
            content = None
        return self.session_class(content)

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Drop the oldest flashed messages, because browsers silently drop a too large cookie.

        A program that sends a token has no use for a cookie.
        """
        if is_cookieless():
            return
        if session.modified and "_flashes" in session:
            self._shorten(app, session)
        super().save_session(app, session, response)

    def _shorten(self, app: Flask, session: SessionMixin) -> None:
        serializer: Any = self.get_signing_serializer(app)
        content = dict(session)
        while content.get("_flashes") and len(serializer.dumps(content)) > (
            LARGEST_COOKIE - ATTRIBUTES
        ):
            content["_flashes"] = content["_flashes"][1:]
        session["_flashes"] = content["_flashes"]
