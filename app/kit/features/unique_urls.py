"""Check that no two views have the same URL, because Werkzeug would always choose the first."""

import inspect
import re

from flask import Flask
from werkzeug.routing import Rule

from config import ConfigurationError

NAME_OF_ARGUMENT = re.compile(r"\w+(?=>)")


def check(app: Flask) -> None:
    """Raise ConfigurationError if two views answer the same method of the same URL."""
    endpoints: dict[tuple[str, str], str] = {}
    for rule in app.url_map.iter_rules():
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            other = endpoints.setdefault((method, _pattern(rule)), rule.endpoint)
            if other != rule.endpoint:
                raise ConfigurationError(
                    f"{_view(app, other)} and {_view(app, rule.endpoint)} are both the view of "
                    f"{method} {rule.rule}: change the URL of one of them."
                )


def _pattern(rule: Rule) -> str:
    """Return the URL of a rule without the names of its arguments, which do not tell URLs apart."""
    return f"{rule.host or rule.subdomain or ''}{NAME_OF_ARGUMENT.sub('', rule.rule)}"


def _view(app: Flask, endpoint: str) -> str:
    view = inspect.unwrap(app.view_functions[endpoint])
    return f"{view.__module__}.{view.__name__}"
