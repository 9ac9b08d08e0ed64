"""Check that no two views have the same URL, because Werkzeug would always choose the first."""

import inspect
import re

from flask import Flask
from werkzeug.routing import Rule

from config import ConfigurationError

# The name of an argument, and the converter of texts, which is the default.
NAME_OF_ARGUMENT = re.compile(r"<(?:string:)?\w+>|(?<=:)\w+(?=>)")


def check(app: Flask) -> None:
    """Raise ConfigurationError if two views answer the same method of the same URL."""
    first: dict[tuple[object, ...], Rule] = {}
    for rule in app.url_map.iter_rules():
        if rule.build_only or rule.endpoint not in app.view_functions:
            continue
        pattern = NAME_OF_ARGUMENT.sub("", rule.rule)
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            url = (method, rule.host, rule.subdomain, rule.websocket, pattern)
            other = first.setdefault(url, rule)
            if _view(app, other) != _view(app, rule):
                raise ConfigurationError(
                    f"{_name(app, other)} and {_name(app, rule)} are both the view of {method} "
                    f"{rule.rule}: change the URL of one of them."
                )


def _view(app: Flask, rule: Rule) -> object:
    return inspect.unwrap(app.view_functions[rule.endpoint])


def _name(app: Flask, rule: Rule) -> str:
    view = _view(app, rule)
    name = getattr(view, "__name__", "")
    return f"{rule.endpoint} ({f'{view.__module__}.{name}' if name else view})"
