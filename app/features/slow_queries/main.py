"""Log slow requests."""

from __future__ import annotations

import logging
from typing import Any

from flask import Flask, Response, current_app, request, request_finished

from app.kit.database import queries
from app.kit.web import costs

_log = logging.getLogger("app.features.slow_queries")


def init_app(app: Flask) -> None:
    """Measure the requests, unless SLOW_REQUEST_MS is 0."""
    if app.config["SLOW_REQUEST_MS"]:
        costs.measure(app)
        request_finished.connect(_look_at_request, app)


def _look_at_request(_app: Flask, response: Response) -> None:
    spent = costs.of_request()
    if spent.seconds * 1000 >= current_app.config["SLOW_REQUEST_MS"]:
        route = request.url_rule.rule if request.url_rule else None
        fields = {
            "method": request.method,
            "route": route,
            "status": response.status_code,
            "ms": round(spent.seconds * 1000, 1),
            "queries": spent.queries,
            "query_ms": round(spent.query_seconds * 1000, 1),
            "slowest_query_ms": round(spent.slowest_seconds * 1000, 1),
            "slowest_query_site": spent.slowest_site,
        }
        _log.warning("%s", _sentence(fields, spent.slowest_query), extra={"fields": fields})


def _sentence(of: dict[str, Any], slowest: str) -> str:
    text = (
        f"A request took {of['ms']:.0f} ms: {of['method']} {of['route'] or 'no route'}, "
        f"{of['status']}, "
        f"{of['queries']} queries in {of['query_ms']:.0f} ms"
    )
    if not of["queries"]:
        return text
    return (
        f"{text}, the slowest {of['slowest_query_ms']:.0f} ms: "
        f"{queries.plain(slowest)} ({of['slowest_query_site']})"
    )
