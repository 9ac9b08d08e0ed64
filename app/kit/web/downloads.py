"""Name downloads, and respond with CSV files."""

from collections.abc import Callable, Iterable
from itertools import chain
from urllib.parse import quote

from flask import Response, request, stream_with_context

from app.kit.tables.csv_cells import BYTE_ORDER_MARK


def disposition(name: str, *, inline: bool) -> str:
    """Return the header that names a file, also in letters that are not ASCII (RFC 6266)."""
    plain = "".join(letter if letter.isalnum() or letter in "-_. " else "_" for letter in name)
    kind, ascii_name = "inline" if inline else "attachment", plain.encode("ascii", "replace")
    only_ascii = ascii_name.decode().replace("?", "_")
    return f"{kind}; filename=\"{only_ascii}\"; filename*=UTF-8''{quote(plain, safe='')}"


def csv_file(name: str, pieces: Callable[[], Iterable[str] | Iterable[bytes]]) -> Response:
    """Stream a CSV file in pieces. A HEAD request does not call `pieces`."""
    response = Response(mimetype="text/csv")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Cache-Control"] = "no-store"
    if request.method != "HEAD":
        response.response = pieces()
    return response


def streamed_csv(name: str, lines: Callable[[], Iterable[str]]) -> Response:
    """Stream lines for a spreadsheet. They end their transaction while a slow client waits."""
    return csv_file(name, lambda: stream_with_context(chain([BYTE_ORDER_MARK], lines())))
