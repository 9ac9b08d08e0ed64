"""Detect the kind of response that a client accepts."""

from collections.abc import Callable

from flask import request

# Functions that tell whether the request is for something that answers with JSON alone.
ONLY_JSON: list[Callable[[], bool]] = []


def wants_json() -> bool:
    """Return whether the client prefers JSON to HTML."""
    if any(check() for check in ONLY_JSON):
        return True
    accepted = request.accept_mimetypes
    return accepted.best_match(["text/html", "application/json"]) == "application/json"
