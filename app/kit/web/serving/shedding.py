"""Refuse requests that a web process cannot answer soon, with an answer that was made beforehand.

The answer costs a tenth of a millisecond, and needs neither the database nor a template.
app/kit/web/serving/slow_clients.py decides which requests are refused.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from blinker import Namespace
from flask import Flask, g
from werkzeug.exceptions import ServiceUnavailable

from app.kit.web import errors
from app.kit.web.gatekeeper import monitor_paths
from app.kit.web.headers import request_id_of
from app.kit.web.logs.request_log import Sparing

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse

Viewed = TypeVar("Viewed", bound=Callable[..., Any])

RETRY_AFTER = 2  # seconds; a full line is answered in less
STATUS = "503 Service Unavailable"
WORDS = (
    "Too many requests at once",
    "Nothing was saved. Wait a few seconds, then reload this page.",
)
# These stand in the prepared answers until each gets its own.
ID = "0123456789abcdef" * 2
NONCE = "nonce-of-no-answer"

request_shed = Namespace().signal("request_shed")
"""Sent with the app for each request that is refused."""

sparing = Sparing(logging.getLogger(__name__))


def skips_line(view: Viewed) -> Viewed:
    """Mark a view that is answered while others wait or are refused, as views for monitors are.

    It must be cheap, because nothing limits how many of its requests run at a time.
    """
    view.skips_line = True  # type: ignore[attr-defined]
    return view


def skips_line_in(app: Flask) -> Callable[[str], bool]:
    """Return a function that tells whether a path is of a static file or a marked view."""
    marked = {
        rule.rule
        for rule in app.url_map.iter_rules()
        if hasattr(app.view_functions.get(rule.endpoint), "skips_line")
    }
    paths, static = frozenset(marked | monitor_paths(app)), f"{app.static_url_path}/"
    return lambda path: path in paths or path.startswith(static)


class Refusals:
    """A WSGI application that answers 503 with Retry-After: a page, JSON, or the API's problem."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._trusts_proxy = app.config["TRUSTED_PROXIES"] > 0
        self._page = _prepared(app, "/", "text/html")
        self._json = _prepared(app, "/", "application/json")
        self._below = {path: _prepared(app, path, "*/*") for path in errors.answered_paths()}
        self._pages = tuple(_pages_below(app, tuple(self._below)))

    def __call__(
        self, request_environ: dict[str, Any], start_response: StartResponse
    ) -> Iterable[bytes]:
        request_shed.send(self._app)
        sparing.error("shed", "A request was refused with 503: too many wait in this process")
        request_id = request_id_of(request_environ, trusts_proxy=self._trusts_proxy)
        nonce = secrets.token_urlsafe(16)
        body, headers = self._answer_to(request_environ)
        body = body.replace(ID.encode(), request_id.encode()).replace(
            NONCE.encode(), nonce.encode()
        )
        own = [(k, v.replace(ID, request_id).replace(NONCE, nonce)) for k, v in headers]
        start_response(STATUS, [*own, ("Content-Length", str(len(body)))])
        return [] if request_environ["REQUEST_METHOD"] == "HEAD" else [body]

    def _answer_to(self, request_environ: dict[str, Any]) -> Prepared:
        accepted, path = request_environ.get("HTTP_ACCEPT", ""), f"{request_environ['PATH_INFO']}/"
        if not path.startswith(self._pages):
            for below, answer in self._below.items():
                if path.startswith(below):
                    return answer
        is_json = "json" in accepted and "text/html" not in accepted
        return self._json if is_json else self._page


Prepared = tuple[bytes, list[tuple[str, str]]]


def _pages_below(app: Flask, paths: tuple[str, ...]) -> Iterable[str]:
    """Yield the beginnings of the URLs of pages below paths whose errors have their own answer."""
    for rule in app.url_map.iter_rules():
        blueprint = app.blueprints.get(rule.endpoint.rpartition(".")[0])
        if rule.rule.startswith(paths) and not hasattr(blueprint, "is_cookieless"):
            yield f"{rule.rule.partition('<')[0].rstrip('/')}/"


def _prepared(app: Flask, path: str, accept: str) -> Prepared:
    """Return the body and the headers of the answer to a request."""
    base_url, headers = app.config["APP_URL"], {"Accept": accept}
    with app.test_request_context(path, base_url=base_url, headers=headers):
        g.request_id, g.csp_nonce = ID, NONCE
        error = ServiceUnavailable(retry_after=RETRY_AFTER)
        response = app.process_response(app.make_response(errors.show(error, WORDS)))
        response.headers["Cache-Control"] = "no-store"
        body = response.get_data()
    return body, [(k, v) for k, v in response.headers if k.lower() != "content-length"]
