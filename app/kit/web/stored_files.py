"""Answer with stored files."""

from __future__ import annotations

from flask import Response, abort, request

from app.extensions import db
from app.kit import storage
from app.kit.storage.content import SHOWN
from app.kit.web.downloads import disposition

BLOCK = 64 * 1024
YEAR = 365 * 24 * 60 * 60


def respond(
    file: storage.StoredFile, part: str = "", *, inline: bool = False, forever: bool = False
) -> Response:
    """Answer with a file, for a view that has asked who may read it.

    The file is a download, unless `inline` allows a picture in a page. `forever` lets browsers keep
    it, because another file has another URL. Answers 404 if the file is gone, 503 if the place does
    not answer.
    """
    shown = inline and file.content_type in SHOWN
    name, content_type = file.shown_name, file.content_type
    headers = {
        "Content-Disposition": disposition(name, inline=shown),
        "Cache-Control": f"private, max-age={YEAR}, immutable" if forever else "no-store",
        # Nothing in the file runs, even if a browser opens it as a page.
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
    }
    body: Response = Response(mimetype=content_type, headers=headers)
    if request.method == "HEAD":
        return body
    key = file.key_of(part)
    db.session.rollback()  # nobody waits for the bucket
    try:
        stream = storage.open_key(key)
    except storage.Missing:
        abort(404)
    except storage.Away:
        abort(503)
    body.response = iter(lambda: stream.read(BLOCK), b"")
    body.call_on_close(stream.close)
    return body
