"""Respond with CSV files for download."""

from collections.abc import Callable, Iterable
from itertools import chain

from flask import Response, request, stream_with_context

from app.kit.tables.csv_cells import BYTE_ORDER_MARK


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
