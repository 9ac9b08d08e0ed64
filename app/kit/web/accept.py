"""Detect the kind of response that a client accepts."""

from typing import Any

from flask import abort, request


def wants_json() -> bool:
    """Return whether the client prefers JSON to HTML."""
    accepted = request.accept_mimetypes
    return accepted.best_match(["text/html", "application/json"]) == "application/json"


def json_object() -> dict[str, Any]:
    """Return the JSON object that the request holds. Aborts with 400 if it holds none."""
    try:
        sent = request.get_json(silent=True)
    except RecursionError:  # thousands of brackets
        sent = None
    if not isinstance(sent, dict):
        abort(400)
    return sent
