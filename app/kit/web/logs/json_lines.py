"""Format log records as JSON, one object on a line, for collectors of logs.

gunicorn.conf.py runs this file by its path, like log_lines.py beside it. So this module must not
import the application.
"""

import json
import logging
import traceback
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any


class JsonFormatter(logging.Formatter):
    """Formats a record as an object with `at`, `level`, `logger`, `message` and `request_id`.

    An error adds `error`, its type, and `traceback`, a list of lines. A record adds other fields as
    `extra={"fields": {...}}`. `redact` is applied to each text. Characters outside ASCII are
    escaped, so no text starts another line or controls a terminal.
    """

    def __init__(self, redact: Callable[[str], str]) -> None:
        super().__init__()
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": self._redact(record.getMessage()),
        }
        request_id = getattr(record, "request_id", "-")
        if request_id != "-":
            line["request_id"] = request_id
        fields: Mapping[str, Any] = getattr(record, "fields", {})
        for name, value in fields.items():
            line[name] = self._redact(value) if isinstance(value, str) else value
        if record.exc_info and record.exc_info[0]:
            line["error"] = record.exc_info[0].__name__
            lines = "".join(traceback.format_exception(*record.exc_info)).splitlines()
            line["traceback"] = [self._redact(one) for one in lines]
        return json.dumps(line, default=str)
