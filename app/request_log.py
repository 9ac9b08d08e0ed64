"""Log lines: each carries the id of its request, and none a link that can still be used."""

import logging
import re
import sys
import threading
import time

from flask import Flask, g, has_app_context

# The part of an address that lets whoever reads it act for someone. The address may itself stand
# in another one, as the page to go to after signing in.
TOKEN_IN_PATH = re.compile(
    r"(/account/(?:confirm-account|reset-password|manage/change-email|join-from-invite/\d+)/)"
    r"[\w.-]+".replace("/", "(?:/|%2F)"),
    re.IGNORECASE,
)
COLOUR = re.compile(r"\x1b\[[\d;]*m")  # as the development server has them
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
FORMAT = "%(asctime)s %(levelname)s [%(request_id)s] %(name)s: %(message)s"


class RequestFilter(logging.Filter):
    """Adds the request's id, masks links and keeps a message on one line."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = g.get("request_id", "-") if has_app_context() else "-"
        message = mask(COLOUR.sub("", record.getMessage()))
        # A name with a line break in it must not be able to start a line of its own, nor one with
        # an escape sequence to rule the terminal of whoever reads it.
        message = CONTROL.sub(lambda found: ascii(found.group())[1:-1], message)
        record.msg, record.args = message, None
        return True


class Sparing:
    """Logs one line for each kind of failure in ten seconds, with the number of those left out.

    While the database is away every request fails, and each would log the same sentence.
    """

    SECONDS = 10.0

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._lock = threading.Lock()
        self._latest: dict[str, float] = {}
        self._left_out: dict[str, int] = {}

    def error(self, kind: str, message: str, *arguments: object) -> None:
        """Log `message` unless one of the same kind was logged a moment ago."""
        at = time.monotonic()
        with self._lock:
            if at - self._latest.get(kind, -self.SECONDS) < self.SECONDS:
                self._left_out[kind] = self._left_out.get(kind, 0) + 1
                return
            self._latest[kind] = at
            left_out = self._left_out.pop(kind, 0)
        text = message % arguments
        if left_out:
            text += f" ({left_out} more since the last line like this)"
        self._logger.error("%s", text)


def mask(text: str) -> str:
    """Return `text` with the tokens in addresses taken out."""
    return TOKEN_IN_PATH.sub(r"\1***", text)


def init_app(app: Flask) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(RequestFilter())
    handler.setFormatter(logging.Formatter(FORMAT))
    root = logging.getLogger()
    # Asking which migration is the newest is not worth a line each time /readyz is asked.
    logging.getLogger("alembic.runtime.migration").setLevel(logging.WARNING)
    if not app.testing:
        root.handlers[:] = [handler]
        root.setLevel(app.config["LOG_LEVEL"])
