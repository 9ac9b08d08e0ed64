"""Cross-site request forgery: Flask-WTF's tokens, masked, and where a request came from."""

import base64
import secrets
from hmac import compare_digest
from typing import Any

from flask import Flask, current_app, request, session
from flask_wtf.csrf import CSRFProtect as FlaskWTFProtect
from flask_wtf.csrf import _FlaskFormCSRF, generate_csrf
from werkzeug.exceptions import Forbidden


class SentFromElsewhere(Forbidden):
    """The browser says that a page under another scheme, host or port sent this form."""


def masked_token() -> str:
    """Return the token of this browser's session under a new random mask.

    A compressed page whose secret is the same each time can be made to give it away by its length
    (BREACH, breachattack.com); Django and Rails mask theirs for the same reason. As with theirs,
    the mask is around the session's token itself: only that it is the session's makes it valid,
    and a signature on each page would cost as much as all links of the page.
    """
    field = current_app.config["WTF_CSRF_FIELD_NAME"]
    if field not in session:
        generate_csrf()
    token = session[field].encode()
    mask = secrets.token_bytes(len(token))
    return base64.urlsafe_b64encode(mask + _xor(mask, token)).decode()


def unmask(masked: str | None) -> str | None:
    """Return the token under a mask, or None if there is none to be found."""
    if not masked:
        return None
    try:
        content = base64.urlsafe_b64decode(masked.encode("ascii"))
        half = len(content) // 2
        return _xor(content[:half], content[half:]).decode("ascii")
    except ValueError:
        return None


def _xor(one: bytes, other: bytes) -> bytes:
    if len(one) != len(other):
        raise ValueError("a mask is as long as what it hides")
    return (int.from_bytes(one) ^ int.from_bytes(other)).to_bytes(len(one))


def comes_from_here() -> bool | None:
    """Tell whether a page of this site caused the request; None when the browser does not say.

    Sec-Fetch-Site is `none` when no page did. Over plain HTTP it is not sent, and Origin is `null`
    on the forms of pages that send no referrer, as those with a token in their address do.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return None if site == "none" else site == "same-origin"
    origin = request.headers.get("Origin", "null")
    return None if origin == "null" else origin.partition("://")[2] == request.host


class MaskedFormCSRF(_FlaskFormCSRF):
    """The CSRF field of a form; CSRFProtect has checked it before the form is looked at."""

    def generate_csrf_token(self, csrf_token_field: Any) -> str:
        return masked_token()


class CSRFProtect(FlaskWTFProtect):
    """Refuses every unsafe request without a token of this browser's session."""

    def init_app(self, app: Flask) -> None:
        super().init_app(app)
        app.jinja_env.globals["csrf_token"] = masked_token
        app.context_processor(lambda: {"csrf_token": masked_token})

    def _get_csrf_token(self) -> str | None:
        """Return the token that was sent, signed as Flask-WTF wants it if it is the session's."""
        token = unmask(super()._get_csrf_token())
        kept = session.get(current_app.config["WTF_CSRF_FIELD_NAME"])
        if token and kept and compare_digest(token, kept):
            return str(generate_csrf())
        return token

    def protect(self, apply_exemptions: bool = False) -> None:
        if request.method not in current_app.config["WTF_CSRF_METHODS"]:
            return
        if comes_from_here() is False:
            raise SentFromElsewhere
        super().protect(apply_exemptions)


csrf = CSRFProtect()
