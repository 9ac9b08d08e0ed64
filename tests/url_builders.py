"""Compile the function that builds the URLs of a rule when it is first called.

Werkzeug compiles two for each of 250 rules, which takes three quarters of the time to create an
app. Tests create hundreds of apps, and most of them build a few URLs.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

from werkzeug.routing import Rule

compile_builder = Rule._compile_builder


def postpone() -> None:
    Rule._compile_builder = later  # type: ignore[method-assign, assignment]


def later(rule: Rule, append_unknown: bool = True) -> Callable[..., Any]:
    """Return a function that compiles the one for a rule, and calls it."""
    compiled = cache(lambda: compile_builder(rule, append_unknown))

    def build(bound_to: Rule, /, **values: Any) -> Any:
        return compiled()(bound_to, **values)

    return build
