"""Set security headers, require HTTPS, and give each request an id."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from flask import Flask, Response, current_app, g, redirect, request, session
from werkzeug.exceptions import Forbidden
from werkzeug.wrappers import Response as WerkzeugResponse

from app.kit.database import postgresql, reading_only
from app.kit.web import origin
from app.kit.web.accept import ONLY_JSON
from app.kit.web.gatekeeper import monitor_paths
from app.kit.web.methods import SAFE_METHODS

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse

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


class SentInTheClear(Forbidden):
    """A request with a body arrived over HTTP, but the app requires HTTPS."""


def init_app(app: Flask) -> None:
    app.before_request(_begin)
    app.before_request(_insist_on_https)
    app.after_request(_finish)
    app.jinja_env.globals["csp_nonce"] = csp_nonce


class HostReader:
    """A WSGI middleware that lowercases the Host header, and accepts any host from monitors.

    Host names are case-insensitive (RFC 9110, section 4.2.3), but Werkzeug compares their case.
    Load balancers and Kubernetes request health checks by IP address.
    """

    def __init__(self, app: Flask, own_host: str) -> None:
        self.app, self.inner, self.own_host = app, app.wsgi_app, own_host

    def __call__(
        self, request_environ: dict[str, Any], start_response: StartResponse
    ) -> Iterable[bytes]:
        if request_environ.get("PATH_INFO") in monitor_paths(self.app):
            request_environ["HTTP_HOST"] = self.own_host
        elif "HTTP_HOST" in request_environ:
            request_environ["HTTP_HOST"] = request_environ["HTTP_HOST"].lower()
        return self.inner(request_environ, start_response)


def csp_nonce() -> str:
    """Return this response's nonce for `<script nonce>`."""
    if "csp_nonce" not in g:
        g.csp_nonce = secrets.token_urlsafe(16)
    return str(g.csp_nonce)


def allow_source(app: Flask, directive: str, sources: str) -> None:
    """Add sources to a directive of the content security policy that has 'self'."""
    policy = app.extensions.get("content_security_policy", CONTENT_SECURITY_POLICY)
    allowed = policy.replace(f"{directive} 'self'", f"{directive} 'self' {sources}", 1)
    app.extensions["content_security_policy"] = allowed


def fixed_headers(*, https_only: bool, subdomains: bool) -> Mapping[str, str]:
    """Return the headers that are the same on every response, static files included."""
    if not https_only:
        return FIXED_HEADERS
    covered = "; includeSubDomains" if subdomains else ""
    return FIXED_HEADERS | {"Strict-Transport-Security": f"max-age={YEAR}{covered}"}


def request_id_of(request_environ: Mapping[str, Any], *, trusts_proxy: bool) -> str:
    """Return the id that a trusted proxy has given a request, or a new one.

    Without such a proxy, a client could copy the id of another request to hide its log lines.
    """
    given = request_environ.get("HTTP_X_REQUEST_ID", "") if trusts_proxy else ""
    return given if REQUEST_ID.fullmatch(given) else secrets.token_hex(16)


def _begin() -> None:
    is_behind_proxy = current_app.config["TRUSTED_PROXIES"] > 0
    g.request_id = request_id_of(request.environ, trusts_proxy=is_behind_proxy)
    # Proxies add ports and brackets. All later code sees the plain IP address.
    request.remote_addr = origin.plain_address(request.remote_addr or "")
    origin.note(address=request.remote_addr, device=request.headers.get("User-Agent", ""))
    reading_only.set(request.method in SAFE_METHODS)
    postgresql.patience.set(postgresql.STATEMENT_PATIENCE)


def _insist_on_https() -> WerkzeugResponse | None:
    if not current_app.config["HTTPS_ONLY"] or request.is_secure:
        return None
    if request.path in monitor_paths(current_app):
        return None
    if request.method not in SAFE_METHODS or any(is_api() for is_api in ONLY_JSON):
        # The body or token was already sent unencrypted. Sending it again would hide that.
        raise SentInTheClear
    # The path is decoded and may contain a line break, so it is quoted again for the header.
    path, query = quote(request.path), request.query_string.decode("ascii", "replace")
    return redirect(current_app.config["APP_URL"] + path + (query and f"?{query}"), 301)


def _finish(response: Response) -> Response:
    config, nonce, request_id = current_app.config, g.get("csp_nonce"), g.get("request_id")
    wanted = dict(
        fixed_headers(https_only=config["HTTPS_ONLY"], subdomains=config["HSTS_SUBDOMAINS"])
    )
    policy = current_app.extensions.get("content_security_policy", CONTENT_SECURITY_POLICY)
    wanted["Content-Security-Policy"] = policy.format(
        scripts=f"'nonce-{nonce}'" if nonce else "'none'",
        frames="'self'" if config["DEV_PAGES"] else "'none'",
    )
    if request_id:
        wanted["X-Request-ID"] = request_id
    if session.accessed:
        wanted["Cache-Control"] = "no-store"
    # Each lookup of a header by name searches the whole list, so the names are collected once.
    present = {name.lower() for name, _ in response.headers}
    response.headers.extend(
        (name, value) for name, value in wanted.items() if name.lower() not in present
    )
    return response
