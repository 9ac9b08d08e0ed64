"""Count requests and their queries, and answer Prometheus."""

from __future__ import annotations

import time
from bisect import bisect_left
from hmac import compare_digest
from typing import Any

from flask import (
    Blueprint,
    Flask,
    Response,
    abort,
    current_app,
    g,
    request,
    request_finished,
    request_started,
)
from flask.typing import ResponseReturnValue
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from sqlalchemy import event

from app.extensions import db
from app.features import metrics
from app.features.metrics import exposition, measures
from app.kit.web.cookieless import without_cookies

page = without_cookies(Blueprint("metrics", __name__))


def init_app(app: Flask) -> None:
    app.register_blueprint(page)
    if not app.config["METRICS_TOKEN"]:
        return
    request_started.connect(_begin, app)
    request_finished.connect(_count, app)
    with app.app_context():
        event.listen(db.engine, "before_cursor_execute", _begin_query)
        event.listen(db.engine, "after_cursor_execute", _end_query)


@page.get("/metrics")
def read() -> ResponseReturnValue:
    """Return the metrics to a client with the token, as `Authorization: Bearer`.

    The page does not exist without METRICS_TOKEN.
    """
    counts = metrics.counts()
    if counts is None:
        abort(404)
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    wanted = current_app.config["METRICS_TOKEN"]
    if scheme.lower() != "bearer" or not compare_digest(token.strip().encode(), wanted.encode()):
        return "", 401, {"WWW-Authenticate": 'Bearer realm="metrics"'}
    headers = {"Content-Type": CONTENT_TYPE_PLAIN_0_0_4, "Cache-Control": "no-store"}
    return exposition.text(counts), 200, headers


def _begin(_app: Flask) -> None:
    g.metrics_began = time.perf_counter()
    g.metrics_queries = 0
    g.metrics_query_seconds = 0.0


def _count(app: Flask, response: Response) -> None:
    route = request.url_rule.rule if request.url_rule else ""
    seconds = time.perf_counter() - g.metrics_began
    bucket = str(bisect_left(measures.BOUNDS, seconds))
    app.extensions["metrics"].add(
        {
            (measures.REQUESTS.name, route, str(response.status_code)): 1,
            (measures.REQUEST_SECONDS.name, route, bucket): 1,
            (measures.REQUEST_SECONDS.name, route, "sum"): seconds,
            (measures.QUERIES.name, route): g.metrics_queries,
            (measures.QUERY_SECONDS.name, route): g.metrics_query_seconds,
        }
    )


def _begin_query(
    _c: object, _cursor: object, _sql: str, _p: object, context: Any, _m: bool
) -> None:
    context.metrics_began = time.perf_counter()


def _end_query(_c: object, _cursor: object, _sql: str, _p: object, context: Any, _m: bool) -> None:
    if g and "metrics_queries" in g:
        g.metrics_queries += 1
        g.metrics_query_seconds += time.perf_counter() - context.metrics_began
