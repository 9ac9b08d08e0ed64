"""Measure what requests cost. Nothing is measured until a part of the app asks for it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from flask import Flask, g, request_started
from sqlalchemy import event

from app.extensions import db


@dataclass
class Costs:
    """The costs of one request so far. Times are in seconds."""

    began: float = field(default_factory=time.perf_counter)
    queries: int = 0
    query_seconds: float = 0.0

    @property
    def seconds(self) -> float:
        """The time since the request came in."""
        return time.perf_counter() - self.began


def measure(app: Flask) -> None:
    """Measure each request of `app`. Further calls do nothing."""
    if "costs" in app.extensions:
        return
    app.extensions["costs"] = True
    # The signal comes before all functions of `before_request`.
    request_started.connect(_begin, app)
    with app.app_context():
        event.listen(db.engine, "before_cursor_execute", _begin_query)
        event.listen(db.engine, "after_cursor_execute", _end_query)


def of_request() -> Costs:
    """Return the costs of the current request."""
    found: Costs = g.costs
    return found


def _begin(_app: Flask) -> None:
    g.costs = Costs()


def _begin_query(
    _c: object, _cursor: object, _sql: str, _p: object, context: Any, _m: bool
) -> None:
    context.began = time.perf_counter()


def _end_query(_c: object, _cursor: object, _sql: str, _p: object, context: Any, _m: bool) -> None:
    # Commands, and jobs, query without a request.
    if g and "costs" in g:
        g.costs.queries += 1
        g.costs.query_seconds += time.perf_counter() - context.began
