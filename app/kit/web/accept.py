"""The kind of answer that a client accepts."""

from flask import request


def wants_json() -> bool:
    """Tell whether the client prefers JSON to a page."""
    accepted = request.accept_mimetypes
    return accepted.best_match(["text/html", "application/json"]) == "application/json"
