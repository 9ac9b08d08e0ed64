"""The session cookie: small enough for browsers to keep, and read whatever the clock says."""

from typing import Any

from flask import Flask, Request, Response
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface, SessionMixin
from itsdangerous import BadSignature

LARGEST_COOKIE = 4096  # bytes, name and attributes included (RFC 6265, section 6.1)
ATTRIBUTES = 256  # room for the name, Path, SameSite and the rest


class CookieSessionInterface(SecureCookieSessionInterface):
    """Flask's signed cookie, with two of its surprises taken out."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession:
        """Read the cookie without asking how old it is.

        Flask refuses one that another host, whose clock is ahead, has just written. How long
        someone is signed in is for the row in `user_sessions` to say.
        """
        serializer: Any = self.get_signing_serializer(app)
        try:
            content = serializer.loads(request.cookies.get(self.get_cookie_name(app), ""))
        except BadSignature:
            content = None
        return self.session_class(content)

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Drop the oldest messages rather than let a browser drop the whole cookie in silence."""
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
