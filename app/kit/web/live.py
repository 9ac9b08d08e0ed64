"""Recognise the automatic refreshes of an open page (live.js)."""

from flask import request


def is_live() -> bool:
    """Tell whether the request is an automatic refresh."""
    return "X-Live" in request.headers
