"""Measure the costs of requests, once a part of the app asks for it."""

from __future__ import annotations

import time
from contextvars import ContextVar
from dataclasses import dataclass, field

from flask import Flask, request_started

from app.kit.database import queries


@dataclass(slots=True)
class Costs:
    """The costs of one request so far. Times are in seconds."""

    began: float = field(default_factory=time.perf_counter)
    queries: int = 0
    query_seconds: float = 0.0
    slowest_seconds: float = 0.0
    slowest_query: str = ""
    slowest_site: str = ""
    """The line of the application that made the slowest query."""

    @property
    def seconds(self) -> float:
        """The time since the request came in."""
        return time.perf_counter() - self.began


# Commands, and jobs, query without a request. Access through `g` would take longer than the clock.
_costs: ContextVar[Costs | None] = ContextVar("costs", default=None)


def measure(app: Flask) -> None:
    """Measure each request of `app`. Further calls do nothing."""
    if "costs" in app.extensions:
        return
    app.extensions["costs"] = True
    # The signal comes before all functions of `before_request`.
    request_started.connect(_begin, app)
    queries.watch_all(app, _add)


def of_request() -> Costs:
    """Return the costs of the current request."""
    return _costs.get() or Costs()


def _begin(_app: Flask) -> None:
    _costs.set(Costs())


def _add(statement: str, seconds: float, _has_failed: bool) -> None:
    spent = _costs.get()
    if spent is None:
        return
    spent.queries += 1
    spent.query_seconds += seconds
    if seconds > spent.slowest_seconds:
        spent.slowest_seconds = seconds
        spent.slowest_query, spent.slowest_site = statement, queries.call_site()
