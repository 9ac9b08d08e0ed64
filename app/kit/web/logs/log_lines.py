"""Format log records of the app and of gunicorn on one line, without the tokens of mailed links.

gunicorn.conf.py runs this file by its path before the application is loaded. So this module must
not import the application.
"""

import logging
import re
from functools import lru_cache
from urllib.parse import unquote

# Regular expressions of the paths before a token. The URL rules of the application add them
# (app/kit/web/token_pages.py).
token_paths: set[str] = set()
# The same for paths whose whole query is a secret.
query_paths: set[str] = set()
# Regular expressions of secrets that are recognised wherever they are.
secrets: set[str] = set()
_ENCODED_PERCENT = re.compile(r"%(?:25)+")
# Line breaks, escape sequences, lone surrogates, and marks that change the text direction.
_CONTROL = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def redact(text: str) -> str:
    """Redact secrets, and the tokens in URLs, in `text`, also if they are encoded several times."""
    tokens = _tokens(frozenset(token_paths), frozenset(query_paths))
    text = tokens.sub(r"\1\2***", redact_secrets(text))
    plain = text
    # Each round undoes all encodings of the percent sign. Others are not nested in practice.
    for _ in range(3):
        if "%" not in plain:
            break
        plain = unquote(_ENCODED_PERCENT.sub("%", plain))
        hidden = tokens.sub(r"\1\2***", redact_secrets(plain))
        if hidden != plain:
            return hidden
    return text


def redact_secrets(text: str, by: str = "***") -> str:
    """Replace the secrets in `text` that are recognised by their form."""
    return _alternatives(frozenset(secrets)).sub(by, text) if secrets else text


@lru_cache(maxsize=8)
def _alternatives(patterns: frozenset[str]) -> re.Pattern[str]:
    return re.compile("|".join(sorted(patterns)))


@lru_cache(maxsize=8)
def _tokens(paths: frozenset[str], queries: frozenset[str]) -> re.Pattern[str]:
    """Return the pattern of a token after one of `paths`, or of a query after one of `queries`.

    Without paths, it never matches.
    """
    token = f"({'|'.join(sorted(paths)) or '(?!)'})(?!\\*\\*\\*)[^\\s/?#&\"'<>]+"
    query = (
        f"((?:{'|'.join(sorted(queries)) or '(?!)'})(?:\\?|%(?:25)*+3F))(?!\\*\\*\\*)[^\\s\"'<>]+"
    )
    return re.compile(f"{query}|{token}", re.IGNORECASE)


def one_line(text: str) -> str:
    """Escape characters in `text` that start a line or control a terminal."""
    return _CONTROL.sub(lambda found: ascii(found.group())[1:-1], text)


class LineFormatter(logging.Formatter):
    """Formats a record as one line. The lines of a traceback follow it, indented.

    So a value with a line break cannot forge another record.
    """

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        return one_line(redact(super().formatMessage(record)))

    def formatException(self, ei: object) -> str:  # noqa: N802
        return _indented(super().formatException(ei))  # type: ignore[arg-type]

    def formatStack(self, stack_info: str) -> str:  # noqa: N802
        return _indented(super().formatStack(stack_info))


def _indented(text: str) -> str:
    return "\n".join("  " + one_line(line) for line in redact(text).split("\n"))
