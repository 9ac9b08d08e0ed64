"""The session cookie, kept small enough for browsers to keep."""

from typing import Any

from flask import Flask, Response
from flask.sessions import SecureCookieSessionInterface, SessionMixin

LARGEST_COOKIE = 4096  # bytes, name and attributes included (RFC 6265, section 6.1)
ATTRIBUTES = 256  # room for the name, Path, SameSite and the rest


class SmallCookieSessionInterface(SecureCookieSessionInterface):
    """Drops the oldest messages rather than let a browser drop the whole session in silence."""

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
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
