"""Read the JSON that a request holds."""

from typing import Any

from flask import abort, request


def json_object() -> dict[str, Any]:
    """Return the JSON object that the request holds. Aborts with 400 if it holds none."""
    try:
        sent = request.get_json(silent=True)
    except RecursionError:  # thousands of brackets
        sent = None
    if not isinstance(sent, dict):
        abort(400)
    return sent
