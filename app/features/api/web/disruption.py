"""Mark operations after which other calls of the program fail."""

from collections.abc import Callable
from typing import Any

from app.features.api.blueprint import api

DISRUPTIVE = "x-disruptive"


def disruptive(view: Callable[..., Any]) -> Callable[..., Any]:
    """Mark an operation after which other calls fail, because it ends the token or the service.

    The description says so, for programs that try all operations, such as Schemathesis.
    """
    marked: Callable[..., Any] = api.doc(**{DISRUPTIVE: True})(view)
    return marked
