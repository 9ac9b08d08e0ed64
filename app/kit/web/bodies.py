"""Limit the bodies of requests, and read them before the database is used."""

from __future__ import annotations

from tempfile import SpooledTemporaryFile
from typing import Any

from flask import Flask, abort, current_app, g, request

from app.extensions import db
from app.kit.database import reading_only
from app.kit.web.methods import SAFE_METHODS
from app.kit.web.restrict import may_open

MEGABYTE = 1024 * 1024
BLOCK = 64 * 1024  # bytes to read at once from a chunked body


def init_app(app: Flask) -> None:
    app.before_request(_bound_body)
    app.before_request(_take_in_body)
    app.teardown_request(_drop_body)


def _bound_body() -> None:
    """Reject a body over the limit, also a chunked one, whose length is unknown until it is read.

    Werkzeug would truncate a chunked body and parse the rest.
    """
    limit = _largest_body()
    request.max_content_length = limit
    if (request.content_length or 0) > limit:
        abort(413)
    if "chunked" in request.environ.pop("HTTP_TRANSFER_ENCODING", "").lower():
        # An unusually large body is stored on disk.
        body = g.body = SpooledTemporaryFile(max_size=MEGABYTE)  # noqa: SIM115 - _drop_body closes
        source = request.environ["wsgi.input"]
        while block := _read(source, min(BLOCK, limit + 1 - body.tell())):
            body.write(block)
            if body.tell() > limit:
                abort(413)
        request.environ["CONTENT_LENGTH"] = str(body.tell())
        request.__dict__.pop("content_length", None)  # werkzeug keeps that it was unknown
        body.seek(0)
        request.environ["wsgi.input"] = body
    # Content-Length determines the end of a body. With this flag, a body that breaks off early
    # would be parsed as a form without its last fields.
    request.environ.pop("wsgi.input_terminated", None)


def _read(source: Any, size: int) -> bytes:
    """Read from a chunked body. The server raises its own error for a malformed chunk."""
    try:
        return bytes(source.read(size))
    except TimeoutError:
        abort(408)
    except Exception:
        abort(400)


def _largest_body() -> int:
    """Return the largest allowed body of the request in bytes.

    A view that accepts files (`takes_files`) has a higher limit, but only for users who may open
    it. Other visitors cannot make the server read that much.
    """
    limit: int = current_app.config["MAX_CONTENT_LENGTH"]
    endpoint = request.endpoint or ""
    view: Any = current_app.view_functions.get(endpoint)
    setting = getattr(view, "largest_file", None)
    # Only files are stored on disk. All other form data stays in memory.
    is_file = request.mimetype == "multipart/form-data"
    if setting and is_file and request.method not in SAFE_METHODS and _is_for_visitor(endpoint):
        limit += current_app.config[setting] * MEGABYTE * view.most_files
    return limit


def _is_for_visitor(endpoint: str) -> bool:
    """Return whether the visitor may open a view, and release the database afterwards."""
    reading_only.set(True)
    is_allowed = may_open(endpoint)
    db.session.remove()
    g.pop("_login_user", None)  # Flask-Login loads the user again once the body has arrived.
    reading_only.set(False)
    return is_allowed


def _take_in_body() -> None:
    """Read the body before the user is loaded from the database.

    On SQLite, loading the user begins the transaction of the request, which holds the only write
    lock. A slow sender would block every other writer.
    """
    if request.method not in SAFE_METHODS:
        request.get_data(parse_form_data=True)


def _drop_body(_error: BaseException | None) -> None:
    if body := g.pop("body", None):
        body.close()
