"""Respond with CSV files for download."""

from collections.abc import Callable, Iterable

from flask import Response, request


def csv_file(name: str, pieces: Callable[[], Iterable[str] | Iterable[bytes]]) -> Response:
    """Stream a CSV file in pieces. A HEAD request does not call `pieces`."""
    response = Response(mimetype="text/csv")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Cache-Control"] = "no-store"
    if request.method != "HEAD":
        response.response = pieces()
    return response
