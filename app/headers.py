"""Response headers that keep browsers careful, and requests that are turned away at the door."""

import re
import secrets
import uuid
from io import BytesIO
from wsgiref.headers import Headers as WSGIHeaders

from flask import Flask, Response, abort, current_app, g, redirect, request, session
from werkzeug.datastructures import Headers
from werkzeug.wrappers import Response as WerkzeugResponse

from app.database import reading_only

SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
REQUEST_ID = re.compile(r"[A-Za-z0-9-]{8,64}")
YEAR = 365 * 24 * 60 * 60

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src {scripts}",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "frame-src {frames}",
        "form-action 'self'",
        "base-uri 'none'",
        "object-src 'none'",
        "frame-ancestors 'none'",
    )
)

# OWASP Secure Headers Project.
FIXED_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Referrer-Policy": "same-origin",
}


def init_app(app: Flask) -> None:
    app.before_request(_begin)
    app.before_request(_insist_on_https)
    app.before_request(_bound_body)
    app.after_request(_finish)
    app.jinja_env.globals["csp_nonce"] = csp_nonce


def csp_nonce() -> str:
    """Return this response's nonce for `<script nonce>`."""
    if "csp_nonce" not in g:
        g.csp_nonce = secrets.token_urlsafe(16)
    return str(g.csp_nonce)


def wants_json() -> bool:
    """Tell whether the client would rather have JSON than a page."""
    accepted = request.accept_mimetypes
    return accepted.best_match(["text/html", "application/json"]) == "application/json"


def add_fixed_headers(headers: Headers | WSGIHeaders, *, https_only: bool) -> None:
    """Set the headers that are the same on every response, static files included."""
    for name, value in FIXED_HEADERS.items():
        headers.setdefault(name, value)
    if https_only:
        headers["Strict-Transport-Security"] = f"max-age={YEAR}; includeSubDomains"


def static_content_security_policy() -> str:
    return CONTENT_SECURITY_POLICY.format(scripts="'none'", frames="'none'")


def _begin() -> None:
    given = request.headers.get("X-Request-ID", "")
    g.request_id = given if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
    reading_only.set(request.method in SAFE_METHODS)


def _insist_on_https() -> WerkzeugResponse | None:
    if not current_app.config["HTTPS_ONLY"] or request.is_secure or request.path == "/healthz":
        return None
    if request.method not in SAFE_METHODS:
        # A body that was sent in the clear is lost; sending it again would hide that.
        abort(403)
    return redirect(current_app.config["APP_URL"] + request.full_path.removesuffix("?"), 301)


def _bound_body() -> None:
    """Refuse a body over the limit, also one in chunks, whose length is known only when read.

    Werkzeug would cut the latter short and parse what is left.
    """
    limit = current_app.config["MAX_CONTENT_LENGTH"]
    if (request.content_length or 0) > limit:
        abort(413)
    if "chunked" in request.environ.pop("HTTP_TRANSFER_ENCODING", "").lower():
        body = request.environ["wsgi.input"].read(limit + 1)
        if len(body) > limit:
            abort(413)
        request.environ["wsgi.input"] = BytesIO(body)
        request.environ["CONTENT_LENGTH"] = str(len(body))


def _finish(response: Response) -> Response:
    headers = response.headers
    add_fixed_headers(headers, https_only=current_app.config["HTTPS_ONLY"])
    if "Content-Security-Policy" not in headers:
        scripts = f"'nonce-{g.csp_nonce}'" if "csp_nonce" in g else "'none'"
        frames = "'self'" if current_app.config["DEV_PAGES"] else "'none'"
        headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY.format(
            scripts=scripts, frames=frames
        )
    if "request_id" in g:
        headers["X-Request-ID"] = g.request_id
    if session.accessed and "Cache-Control" not in headers:
        headers["Cache-Control"] = "no-store"
    return response
