"""Log slow queries, without the values of their parameters."""

from __future__ import annotations

import logging

from flask import Flask
from sqlalchemy import Engine

from app.extensions import db
from app.kit.database import queries

_log = logging.getLogger(__name__)


def init_app(app: Flask) -> None:
    """Watch the queries of the databases, unless SLOW_QUERY_MS is 0."""
    if limit := app.config["SLOW_QUERY_MS"]:
        with app.app_context():
            for engine in db.engines.values():
                watch(engine, limit / 1000)


def watch(engine: Engine, limit: float) -> None:
    """Log the queries of `engine` that take at least `limit` seconds, also those that fail."""

    def look_at_query(statement: str, seconds: float, has_failed: bool) -> None:
        if seconds >= limit:
            _log.warning(
                "A query took %d ms%s: %s (%s)",
                seconds * 1000,
                " and failed" if has_failed else "",
                queries.plain(statement),
                queries.call_site(),
            )

    queries.watch(engine, look_at_query)
