"""Count requests and their queries, and answer Prometheus."""

from __future__ import annotations

from bisect import bisect_left
from hmac import compare_digest

from flask import Blueprint, Flask, Response, abort, current_app, request, request_finished
from flask.typing import ResponseReturnValue
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4

from app.features import metrics
from app.features.metrics import exposition, measures
from app.kit.web import costs
from app.kit.web.cookieless import without_cookies
from app.kit.web.gates import open_to_every_gate
from app.kit.web.serving.shedding import request_shed, skips_line

page = without_cookies(Blueprint("metrics", __name__))


def init_app(app: Flask) -> None:
    app.register_blueprint(page)
    if not app.config["METRICS_TOKEN"]:
        return
    costs.measure(app)
    request_finished.connect(_count, app)
    request_shed.connect(_count_shed, app)


@page.get("/metrics")
@open_to_every_gate
@skips_line
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


def _count_shed(app: Flask) -> None:
    app.extensions["metrics"].add({(measures.SHED.name,): 1})


def _count(app: Flask, response: Response) -> None:
    spent = costs.of_request()
    seconds = spent.seconds
    route = request.url_rule.rule if request.url_rule else ""
    bucket = str(bisect_left(measures.BOUNDS, seconds))
    app.extensions["metrics"].add(
        {
            (measures.REQUESTS.name, route, str(response.status_code)): 1,
            (measures.REQUEST_SECONDS.name, route, bucket): 1,
            (measures.REQUEST_SECONDS.name, route, "sum"): seconds,
            (measures.QUERIES.name, route): spent.queries,
            (measures.QUERY_SECONDS.name, route): spent.query_seconds,
        }
    )
