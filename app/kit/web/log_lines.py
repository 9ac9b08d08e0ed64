"""A log line: one line, without the tokens of mailed links, for the app and for gunicorn alike.

gunicorn.conf.py runs this file by its path, before the application is loaded: import nothing of it.
"""

import logging
import re
from urllib.parse import unquote

# The part of a URL that lets its reader act for a user. The URL may itself stand in another one, as
# the page to go to after signing in, and then be percent-encoded once for each URL around it.
_PAGES = "account/(?:confirm-account|reset-password|manage/change-email|join-from-invite/[0-9]+)"
_TOKEN = re.compile(
    f"(/{_PAGES}/)".replace("/", "(?:/|%(?:25)*+2F){1,4}") + r"(?!\*\*\*)[^\s/?#&\"'<>]+",
    re.IGNORECASE,
)
_ENCODED_PERCENT = re.compile(r"%(?:25)+")
# Line breaks, escape sequences, halves of characters, and marks that turn a text's direction.
_CONTROL = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def mask(text: str) -> str:
    """Return `text` with the tokens in URLs taken out, however often the URLs are encoded."""
    text = _TOKEN.sub(r"\1***", text)
    plain = text
    # Each round undoes all the encodings of the percent sign; others are not nested in practice.
    for _ in range(3):
        if "%" not in plain:
            break
        plain = unquote(_ENCODED_PERCENT.sub("%", plain))
        if _TOKEN.search(plain):
            return _TOKEN.sub(r"\1***", plain)
    return text


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
