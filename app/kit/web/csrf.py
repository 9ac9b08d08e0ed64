"""Protect against cross-site request forgery with masked tokens and a check of the origin."""

import base64
import secrets
from hmac import compare_digest
from typing import Any

from flask import Flask, current_app, request, session
from flask_wtf.csrf import CSRFProtect as FlaskWTFProtect
from flask_wtf.csrf import _FlaskFormCSRF, generate_csrf
from werkzeug.exceptions import Forbidden

from app.kit.web.cookieless import is_cookieless


class SentFromElsewhere(Forbidden):
    """According to the browser, a page of another scheme, host or port sent this form."""


def masked_token() -> str:
    """Return the CSRF token of the session under a new random mask.

    If a secret is the same on every compressed page, its length can reveal it (BREACH,
    breachattack.com). Django and Rails mask their tokens for the same reason. As in Django and
    Rails, the mask covers the session's token itself, which is valid because the session holds it.
    A signature on each page would cost as much as all links of the page.
    """
    field = current_app.config["WTF_CSRF_FIELD_NAME"]
    if field not in session:
        generate_csrf()
    token = session[field].encode()
    mask = secrets.token_bytes(len(token))
    return base64.urlsafe_b64encode(mask + _xor(mask, token)).decode()


def unmask(masked: str | None) -> str | None:
    """Remove the mask and return the token, or None if the text is invalid."""
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
    """Return whether a page of this site sent the request, or None if the browser does not tell.

    Sec-Fetch-Site is `none` if no page sent the request, and is missing over plain HTTP. Origin is
    `null` for forms of pages that send no referrer, such as pages with a token in their URL.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return None if site == "none" else site == "same-origin"
    origin = request.headers.get("Origin", "null")
    return None if origin == "null" else origin.partition("://")[2] == request.host


class MaskedFormCSRF(_FlaskFormCSRF):
    """The CSRF field of a form. CSRFProtect checks it before the form is validated."""

    def generate_csrf_token(self, csrf_token_field: Any) -> str:
        return masked_token()


class CSRFProtect(FlaskWTFProtect):
    """Rejects every unsafe request that a cookie signs in without a valid token of the session."""

    def init_app(self, app: Flask) -> None:
        super().init_app(app)
        app.jinja_env.globals["csrf_token"] = masked_token
        app.context_processor(lambda: {"csrf_token": masked_token})

    def _get_csrf_token(self) -> str | None:
        """Return the submitted token. The session's own token is signed, as Flask-WTF expects."""
        token = unmask(super()._get_csrf_token())
        kept = session.get(current_app.config["WTF_CSRF_FIELD_NAME"])
        if token and kept and compare_digest(token, kept):
            return str(generate_csrf())
        return token

    def protect(self, apply_exemptions: bool = False) -> None:
        if request.method not in current_app.config["WTF_CSRF_METHODS"] or is_cookieless():
            return
        if comes_from_here() is False:
            raise SentFromElsewhere
        super().protect(apply_exemptions)


csrf = CSRFProtect()
