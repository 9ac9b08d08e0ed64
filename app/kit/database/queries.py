"""Measure the queries of a database, once for all parts of the app that ask.

Nothing is measured until the first of them does.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any
from weakref import WeakKeyDictionary

from flask import Flask
from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext

from app.extensions import db

Watcher = Callable[[str, float, bool], None]
"""A function that takes the statement of a query, its seconds, and whether it failed."""

APP = f"{Path(__file__).parents[2]}/"
KIT = f"{APP}kit/"
ROOT = f"{Path(__file__).parents[3]}/"
LONGEST = 1_000  # characters of a statement
# A statement may have values in its text: strings, also with $$, and numbers.
VALUE = re.compile(r"'(?:[^']|'')*'|\$(\w*)\$.*?\$\1\$|(?<![\w.:%$])\d+(?:\.\d+)?(?!\w)", re.DOTALL)
BEGAN = "query_began"  # an attribute of the execution context
# Frames between the caller of call_site and SQLAlchemy: the watcher, _tell, and its caller.
OWN_FRAMES = 4

_watchers: WeakKeyDictionary[Engine, list[Watcher]] = WeakKeyDictionary()


def watch_all(app: Flask, watcher: Watcher) -> None:
    """Call `watcher` after each query of `app`, whichever of its databases is asked."""
    with app.app_context():
        for engine in db.engines.values():
            watch(engine, watcher)


def watch(engine: Engine, watcher: Watcher) -> None:
    """Call `watcher` after each query of `engine`, in the thread of the query, also if it failed.

    The time is that of the database and of the way to it. Reading the rows comes after it.
    """
    if engine in _watchers:
        _watchers[engine].append(watcher)
        return
    watchers = _watchers[engine] = [watcher]

    def begin(_c: object, _cursor: object, _sql: str, _p: object, context: Any, _m: bool) -> None:
        context.query_began = perf_counter()

    def end(_c: object, _cursor: object, sql: str, _p: object, context: Any, _m: bool) -> None:
        _tell(watchers, context, sql, False)

    def fail(error: ExceptionContext) -> None:
        if error.execution_context is not None:
            _tell(watchers, error.execution_context, error.statement or "", True)

    event.listen(engine, "before_cursor_execute", begin)
    event.listen(engine, "after_cursor_execute", end)
    event.listen(engine, "handle_error", fail)


def unwatch(engine: Engine, watcher: Watcher) -> None:
    """Call `watcher` no more."""
    _watchers[engine].remove(watcher)


def _tell(watchers: list[Watcher], context: Any, statement: str, has_failed: bool) -> None:
    # An error while rows are read comes after the end of the query.
    if began := context.__dict__.pop(BEGAN, None):
        seconds = perf_counter() - began
        for watcher in watchers:
            watcher(statement, seconds, has_failed)


def plain(statement: str) -> str:
    """Return a statement on one line, without the values in its text."""
    text = " ".join(VALUE.sub("?", statement).split())
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def call_site() -> str:
    """Return the line of the application that made a query, as in app/services/users.py:41.

    It may be a line of a template. The kit is named only if nothing above it made the query. The
    watcher of the query itself calls this function, which takes some microseconds.
    """
    frame = sys._getframe(OWN_FRAMES)  # inspect.stack would read the source of each frame
    of_kit = ""
    while frame:
        name = frame.f_code.co_filename
        if name.startswith(APP):
            if not name.startswith(KIT):
                return _line(frame)
            of_kit = of_kit or _line(frame)
        frame = frame.f_back  # type: ignore[assignment]
    return of_kit or "outside of app"


def _line(frame: Any) -> str:
    number = frame.f_lineno
    if template := frame.f_globals.get("__jinja_template__"):  # Jinja compiles it to other lines
        number = template.get_corresponding_lineno(number)
    return f"{frame.f_code.co_filename.removeprefix(ROOT)}:{number}"
