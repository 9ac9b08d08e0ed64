"""Log slow queries, without the values of their parameters."""

import logging
import re
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

from flask import Flask
from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import ExceptionContext

from app.extensions import db

APP = f"{Path(__file__).parents[2]}/"
ROOT = f"{Path(__file__).parents[3]}/"
LONGEST = 1_000  # characters of a statement
# A statement may have values in its text: strings, also with $$, and numbers.
VALUE = re.compile(r"'(?:[^']|'')*'|\$(\w*)\$.*?\$\1\$|(?<![\w.:%$])\d+(?:\.\d+)?(?!\w)", re.DOTALL)
STARTS = "slow_queries"  # key of Connection.info

_log = logging.getLogger(__name__)


def init_app(app: Flask) -> None:
    """Watch the queries of the database, unless SLOW_QUERY_MS is 0."""
    if limit := app.config["SLOW_QUERY_MS"]:
        with app.app_context():
            watch(db.engine, limit / 1000)


def watch(engine: Engine, limit: float) -> None:
    """Log the queries of `engine` that take at least `limit` seconds, also those that fail."""

    def begin(connection: Connection, *_arguments: Any) -> None:
        connection.info.setdefault(STARTS, []).append(perf_counter())

    def end(connection: Connection, _cursor: Any, statement: str, *_arguments: Any) -> None:
        note(connection, statement, "")

    def fail(context: ExceptionContext) -> None:
        if context.connection is not None:
            note(context.connection, context.statement or "", " and failed")

    def note(connection: Connection, statement: str, failed: str) -> None:
        if starts := connection.info.get(STARTS):
            taken = perf_counter() - starts.pop()
            if taken >= limit:
                _log.warning(
                    "A query took %d ms%s: %s (%s)", taken * 1000, failed, plain(statement), place()
                )

    event.listen(engine, "before_cursor_execute", begin)
    event.listen(engine, "after_cursor_execute", end)
    event.listen(engine, "handle_error", fail)


def plain(statement: str) -> str:
    """Return a statement on one line, without the values in its text."""
    text = " ".join(VALUE.sub("?", statement).split())
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def place() -> str:
    """Return the line of the application that made the query, as in app/services/users.py:41."""
    frame = sys._getframe(1)  # inspect.stack would read the source of each frame
    while frame := frame.f_back:  # type: ignore[assignment]
        name = frame.f_code.co_filename
        if name.startswith(APP) and name != __file__:
            return f"{name.removeprefix(ROOT)}:{frame.f_lineno}"
    return "outside of app"
