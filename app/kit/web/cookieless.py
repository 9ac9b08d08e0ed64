"""Blueprints whose requests no cookie signs in, such as those of an API with tokens.

Pages of other sites make browsers send cookies, so only requests without them need no CSRF token.
"""

from typing import TypeVar

from flask import Blueprint, current_app, request

Marked = TypeVar("Marked", bound=Blueprint)


def without_cookies(blueprint: Marked) -> Marked:
    """Let no cookie sign in requests for `blueprint`, whose own code does."""
    blueprint.is_cookieless = True  # type: ignore[attr-defined]
    return blueprint


def is_cookieless() -> bool:
    """Tell whether no cookie signs in the current request."""
    return hasattr(current_app.blueprints.get(request.blueprint or ""), "is_cookieless")
