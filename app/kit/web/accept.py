"""Detect the kind of response that a client accepts."""

from flask import request


def wants_json() -> bool:
    """Return whether the client prefers JSON to HTML."""
    accepted = request.accept_mimetypes
    return accepted.best_match(["text/html", "application/json"]) == "application/json"
