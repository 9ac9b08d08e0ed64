"""Note facts about an operation, for its description and for checks of a request.

flask-smorest keeps what its decorators note in the same attribute of a view, and hands all of it to
the functions that describe the operation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

View = TypeVar("View", bound=Callable[..., Any])

TEXT = {"type": "string"}  # the schema of a header


def note(view: View, **facts: Any) -> View:
    """Note facts about an operation beside those that it has, and return it."""
    noted: Any = view
    noted._apidoc = {**facts_of(view), **facts}
    return view


def facts_of(view: Callable[..., Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = getattr(view, "_apidoc", {})
    return found
