"""A log line: one line, without the tokens of mailed links, for the app and for gunicorn alike.

gunicorn.conf.py runs this file by its path, before the application is loaded: import nothing of it.
"""

import logging
import re
from functools import lru_cache
from urllib.parse import unquote

# Regular expressions of the paths that lead up to a token. The URL rules of the application add
# theirs (app/kit/web/token_pages.py).
token_paths: set[str] = set()
_ENCODED_PERCENT = re.compile(r"%(?:25)+")
# Line breaks, escape sequences, halves of characters, and marks that turn a text's direction.
_CONTROL = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def mask(text: str) -> str:
    """Return `text` with the tokens in URLs taken out, however often the URLs are encoded."""
    tokens = _tokens(frozenset(token_paths))
    text = tokens.sub(r"\1***", text)
    plain = text
    # Each round undoes all the encodings of the percent sign; others are not nested in practice.
    for _ in range(3):
        if "%" not in plain:
            break
        plain = unquote(_ENCODED_PERCENT.sub("%", plain))
        if tokens.search(plain):
            return tokens.sub(r"\1***", plain)
    return text


@lru_cache(maxsize=8)
def _tokens(paths: frozenset[str]) -> re.Pattern[str]:
    """Return the pattern of a token after one of `paths`; without paths, nothing matches it."""
    path = f"({'|'.join(sorted(paths))})" if paths else "(?!)()"
    return re.compile(path + r"(?!\*\*\*)[^\s/?#&\"'<>]+", re.IGNORECASE)


def one_line(text: str) -> str:
    """Return `text` with what could start another line, or rule a terminal, written out."""
    return _CONTROL.sub(lambda found: ascii(found.group())[1:-1], text)


class LineFormatter(logging.Formatter):
    """Formats a record as one line. The lines of a traceback follow it, indented.

    A name with a line break in it cannot start a line that looks like a record.
    """

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        return one_line(mask(super().formatMessage(record)))

    def formatException(self, ei: object) -> str:  # noqa: N802
        return _indented(super().formatException(ei))  # type: ignore[arg-type]

    def formatStack(self, stack_info: str) -> str:  # noqa: N802
        return _indented(super().formatStack(stack_info))


def _indented(text: str) -> str:
    return "\n".join("  " + one_line(line) for line in mask(text).split("\n"))
