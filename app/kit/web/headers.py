"""Response headers that keep browsers careful, and requests that are turned away at the door."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from flask import Flask, Response, abort, current_app, g, redirect, request, session
from flask_login import current_user
from werkzeug.exceptions import Forbidden
from werkzeug.wrappers import Response as WerkzeugResponse

from app.extensions import db
from app.kit.database import postgresql, reading_only
from app.kit.web import origin
from app.kit.web.gates import monitor_paths

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse

SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
REQUEST_ID = re.compile(r"[A-Za-z0-9-]{8,64}")
YEAR = 365 * 24 * 60 * 60
MEGABYTE = 1024 * 1024
BLOCK = 64 * 1024  # bytes read at once of a body in chunks

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
    """A body came over http where the app is for https only."""


def init_app(app: Flask) -> None:
    app.before_request(_begin)
    app.before_request(_insist_on_https)
    app.before_request(_bound_body)
    app.before_request(_take_in_body)
    app.after_request(_finish)
    app.teardown_request(_drop_body)
    app.jinja_env.globals["csp_nonce"] = csp_nonce


class HostReader:
    """A WSGI layer that takes the Host header in any case, and any host at all from monitors.

    Host names have no case (RFC 9110, section 4.2.3), and Werkzeug compares letter by letter. Load
    balancers and Kubernetes ask for the health of a process by its IP address.
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


def fixed_headers(*, https_only: bool) -> Mapping[str, str]:
    """Return the headers that are the same on every response, static files included."""
    if not https_only:
        return FIXED_HEADERS
    return FIXED_HEADERS | {"Strict-Transport-Security": f"max-age={YEAR}; includeSubDomains"}


def static_content_security_policy() -> str:
    return CONTENT_SECURITY_POLICY.format(scripts="'none'", frames="'none'")


def _begin() -> None:
    # Anyone can send one, and hide what they do among the log lines and events of another request.
    is_behind_proxy = current_app.config["TRUSTED_PROXIES"] > 0
    given = request.environ.get("HTTP_X_REQUEST_ID", "") if is_behind_proxy else ""
    g.request_id = given if REQUEST_ID.fullmatch(given) else secrets.token_hex(16)
    # Proxies write ports and brackets into it; everything after this sees the address alone.
    request.remote_addr = origin.plain_address(request.remote_addr or "")
    origin.note(address=request.remote_addr, device=request.headers.get("User-Agent", ""))
    reading_only.set(request.method in SAFE_METHODS)
    postgresql.patience.set(postgresql.STATEMENT_PATIENCE)


def _insist_on_https() -> WerkzeugResponse | None:
    if not current_app.config["HTTPS_ONLY"] or request.is_secure:
        return None
    if request.path in monitor_paths(current_app):
        return None
    if request.method not in SAFE_METHODS:
        # A body that was sent in the clear is lost; sending it again would hide that.
        raise SentInTheClear
    # Quoted anew: the path has been decoded, and may hold a line break that no header can.
    path, query = quote(request.path), request.query_string.decode("ascii", "replace")
    return redirect(current_app.config["APP_URL"] + path + (query and f"?{query}"), 301)


def _bound_body() -> None:
    """Refuse a body over the limit, also one in chunks, whose length is known only when read.

    Werkzeug would cut the latter short and parse what is left.
    """
    limit = _largest_body()
    request.max_content_length = limit
    if (request.content_length or 0) > limit:
        abort(413)
    if "chunked" in request.environ.pop("HTTP_TRANSFER_ENCODING", "").lower():
        # What is larger than most bodies ever are waits on the disk.
        body = g.body = SpooledTemporaryFile(max_size=MEGABYTE)  # noqa: SIM115 - _drop_body closes
        source = request.environ["wsgi.input"]
        while block := _read(source, min(BLOCK, limit + 1 - body.tell())):
            body.write(block)
            if body.tell() > limit:
                abort(413)
        request.environ["CONTENT_LENGTH"] = str(body.tell())
        body.seek(0)
        request.environ["wsgi.input"] = body
    # A body ends where its length says. Taken at the server's word, one that breaks off early is
    # a form with its last fields missing.
    request.environ.pop("wsgi.input_terminated", None)


def _read(source: Any, size: int) -> bytes:
    """Read from a body in chunks. The server raises an error of its own where a chunk is broken."""
    try:
        return bytes(source.read(size))
    except TimeoutError:
        abort(408)
    except Exception:
        abort(400)


def _largest_body() -> int:
    """Return how many bytes the request may have.

    A view that takes files (`takes_files`) has a limit of its own, but only for those who may open
    it: nobody else gets the server to take in that much.
    """
    limit: int = current_app.config["MAX_CONTENT_LENGTH"]
    view: Any = current_app.view_functions.get(request.endpoint or "")
    setting = getattr(view, "largest_file", None)
    # Only files go to the disk; whatever else a form may hold is kept in memory.
    is_file = request.mimetype == "multipart/form-data"
    if setting and is_file and request.method not in SAFE_METHODS and _is_for_visitor(view):
        limit += current_app.config[setting] * MEGABYTE
    return limit


def _is_for_visitor(view: Any) -> bool:
    """Tell whether the visitor may open `view`, and hold nothing in the database afterwards."""
    reading_only.set(True)
    is_allowed = bool(view.allows(current_user))
    db.session.remove()
    g.pop("_login_user", None)  # Flask-Login's: it is loaded anew once the body is here.
    reading_only.set(False)
    return is_allowed


def _take_in_body() -> None:
    """Read the body before the database is asked who sent it.

    On SQLite that begins the transaction of the request, which holds the only write lock: a slow
    sender would keep everyone else from writing.
    """
    if request.method not in SAFE_METHODS:
        request.get_data(parse_form_data=True)


def _drop_body(_error: BaseException | None) -> None:
    if body := g.pop("body", None):
        body.close()


def _finish(response: Response) -> Response:
    config, nonce, request_id = current_app.config, g.get("csp_nonce"), g.get("request_id")
    wanted = dict(fixed_headers(https_only=config["HTTPS_ONLY"]))
    wanted["Content-Security-Policy"] = CONTENT_SECURITY_POLICY.format(
        scripts=f"'nonce-{nonce}'" if nonce else "'none'",
        frames="'self'" if config["DEV_PAGES"] else "'none'",
    )
    if request_id:
        wanted["X-Request-ID"] = request_id
    if session.accessed:
        wanted["Cache-Control"] = "no-store"
    # A list is searched for each header that is asked for by name: once is enough for all.
    present = {name.lower() for name, _ in response.headers}
    response.headers.extend(
        (name, value) for name, value in wanted.items() if name.lower() not in present
    )
    return response
