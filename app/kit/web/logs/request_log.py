"""Configure logging: each line carries the id of its request, and no usable link."""

import logging
import re
import sys
import threading
import time
from typing import Any

from flask import Flask, Response, g, has_app_context, request, request_finished
from sqlalchemy import inspect

from app.kit.web import costs
from app.kit.web.logs.json_lines import JsonFormatter
from app.kit.web.logs.log_lines import LineFormatter, one_line, redact

COLOUR = re.compile(r"\x1b\[[\d;]*m")  # colours of the development server
requests_log = logging.getLogger("app.requests")
FORMAT = "%(asctime)s %(levelname)s [%(request_id)s] %(name)s: %(message)s"


class RequestFilter(logging.Filter):
    """Adds the request's id, redacts links, and keeps the message on one line."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = g.get("request_id", "-") if has_app_context() else "-"
        message = COLOUR.sub("", record.getMessage())
        record.msg, record.args = one_line(redact(message)), None
        return True


class Sparing:
    """Logs at most one line per kind of failure in ten seconds, with the number of omitted lines.

    While the database is unavailable, every request fails and would log the same line.
    """

    SECONDS = 10.0

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._lock = threading.Lock()
        self._latest: dict[str, float] = {}
        self._left_out: dict[str, int] = {}

    def error(self, kind: str, message: str, *arguments: object) -> None:
        """Log `message` unless one of the same kind was logged in the last ten seconds."""
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


def init_app(app: Flask) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(RequestFilter())
    is_json = app.config["LOG_FORMAT"] == "json"
    handler.setFormatter(JsonFormatter(redact) if is_json else LineFormatter(FORMAT))
    root = logging.getLogger()
    # /readyz reads the newest migration, and Alembic would log a line on each request.
    logging.getLogger("alembic.runtime.migration").setLevel(logging.WARNING)
    if not app.testing:
        root.handlers[:] = [handler]
        root.setLevel(app.config["LOG_LEVEL"])


def log_requests(app: Flask) -> None:
    """Log a line for each request, if logs are JSON. It takes the place of gunicorn's line."""
    if app.config["LOG_FORMAT"] == "json":
        costs.measure(app)
        request_finished.connect(_log_request, app)


def _log_request(_app: Flask, response: Response) -> None:
    spent = costs.of_request()
    fields = {
        "method": request.method,
        "path": request.path,
        "route": request.url_rule.rule if request.url_rule else None,
        "status": response.status_code,
        "ms": round(spent.seconds * 1000, 1),
        "queries": spent.queries,
        "query_ms": round(spent.query_seconds * 1000, 1),
        "user_id": _user_id(),
        "address": request.remote_addr,
    }
    requests_log.info("%s %s", request.method, request.path, extra={"fields": fields})


def _user_id() -> int | None:
    """Return the id of the user without a query: the database may be away by now."""
    user = g.get("_login_user")  # set by Flask-Login once the request has loaded the user
    row: Any = inspect(user, raiseerr=False)
    return row.identity[0] if row and row.identity else None
