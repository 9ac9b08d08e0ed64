"""Protect pages with a token in their URL: `@account.route("/reset-password/<token:token>")`.

The converter is the whole declaration. It keeps the token out of the logs of the application and of
gunicorn, and prevents browsers from sending or caching the URL. For a URL whose query another site
has written, declare `@account.get("/answer", has_secret_query=True)`: the logs omit the query.
"""

import re
from collections.abc import Iterator
from typing import Any

from flask import Flask, Response, request
from werkzeug.routing import Rule, UnicodeConverter

from app.kit.web.logs import log_lines
from app.kit.web.url_rules import LateRule
from config import ConfigurationError

_ARGUMENT = re.compile(r"<(?:(\w+)(?:\([^<>]*\))?:)?\w+>")
# A URL may be part of another URL, such as the page to open after signing in. It is then
# percent-encoded once for each outer URL.
_SLASH = "(?:/|%(?:25)*+2F){1,4}"
_SEGMENT = rf"(?:(?!{_SLASH})[^\s?#&])+"


class TokenConverter(UnicodeConverter):
    """Accepts any text without a slash, and marks it as a secret."""


class TokenRule(LateRule):
    """A URL rule that registers its tokens for redaction when an application adds it."""

    has_token = False

    def __init__(self, string: str, *, has_secret_query: bool = False, **options: Any) -> None:
        super().__init__(string, **options)
        self.has_secret_query = has_secret_query

    def get_empty_kwargs(self) -> dict[str, Any]:
        return {**super().get_empty_kwargs(), "has_secret_query": self.has_secret_query}

    def bind(self, map: Any, rebind: bool = False) -> None:  # noqa: A002 - Werkzeug's name
        super().bind(map, rebind)
        paths = set(_paths_before_tokens(self))
        self.has_token = bool(paths)
        log_lines.token_paths.update(paths)
        if self.has_secret_query:
            log_lines.query_paths.add(_pattern(self.rule))


def init_app(app: Flask) -> None:
    rule_class: Any = TokenRule
    app.url_rule_class = rule_class
    app.url_map.converters["token"] = TokenConverter
    app.after_request(keep_url_secret)


def keep_url_secret(response: Response) -> Response:
    """Forbid the referrer and caching for URLs with a token (ASVS 5.0 14.2.1)."""
    rule = request.url_rule
    if isinstance(rule, TokenRule):
        is_secret = rule.has_token or rule.has_secret_query
    else:  # The method is not allowed, perhaps, but the path has a token all the same.
        is_secret = rule is None and log_lines.redact(request.path) != request.path
    if is_secret:
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["Cache-Control"] = "no-store"
    return response


def _paths_before_tokens(rule: Rule) -> Iterator[str]:
    """Yield a regular expression for each path of `rule` before a token.

    Raises ConfigurationError if the token cannot be told from the path before it in a log line.
    """
    words, pattern, end, has_path = "", "", 0, False
    for found in _ARGUMENT.finditer(rule.rule):
        converter = rule.map.converters[found[1] or "default"]
        fixed = rule.rule[end : found.start()]
        words, end = words + fixed, found.end()
        pattern += re.escape(fixed).replace("/", _SLASH)
        if issubclass(converter, TokenConverter):
            if has_path or not words.strip("/"):
                raise ConfigurationError(
                    f"A log line does not tell where the token of the URL {rule.rule} begins: put "
                    "a word before the token, and no path."
                )
            yield pattern
        has_path = has_path or not converter.part_isolating
        pattern += _SEGMENT


def _pattern(rule: str) -> str:
    """Return a regular expression for the paths of a rule."""
    fixed = (re.escape(part).replace("/", _SLASH) for part in _ARGUMENT.sub("\0", rule).split("\0"))
    return _SEGMENT.join(fixed)
