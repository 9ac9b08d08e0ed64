"""Mark blueprints that ignore the cookies of sessions, such as an API with tokens.

Pages of other sites make browsers send cookies, so only requests without them need no CSRF token.
"""

from typing import TypeVar

from flask import Blueprint, current_app, request

Marked = TypeVar("Marked", bound=Blueprint)


def without_cookies(blueprint: Marked) -> Marked:
    """Ignore session cookies in requests for `blueprint`, which signs users in by itself."""
    blueprint.is_cookieless = True  # type: ignore[attr-defined]
    return blueprint


def is_cookieless() -> bool:
    """Tell whether no cookie signs in the current request."""
    return hasattr(current_app.blueprints.get(request.blueprint or ""), "is_cookieless")
