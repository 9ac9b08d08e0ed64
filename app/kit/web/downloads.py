"""Files of CSV that the admin gives out."""

from collections.abc import Callable, Iterable

from flask import Response, request


def csv_file(name: str, pieces: Callable[[], Iterable[str] | Iterable[bytes]]) -> Response:
    """Answer with a file that is made of pieces; whoever asks for its head alone takes none."""
    response = Response(mimetype="text/csv")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Cache-Control"] = "no-store"
    if request.method != "HEAD":
        response.response = pieces()
    return response
