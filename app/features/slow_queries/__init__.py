"""Log slow queries, without the values of their parameters."""

from __future__ import annotations

import logging

from flask import Flask

from app.kit.database import queries

_log = logging.getLogger(__name__)


def init_app(app: Flask) -> None:
    """Watch the queries of the databases, unless SLOW_QUERY_MS is 0."""
    if limit := app.config["SLOW_QUERY_MS"]:
        queries.watch_all(app, slower_than(limit / 1000))


def slower_than(limit: float) -> queries.Watcher:
    """Return a watcher that logs queries of at least `limit` seconds, also those that fail."""

    def look_at_query(statement: str, seconds: float, has_failed: bool) -> None:
        if seconds >= limit:
            _log.warning(
                "A query took %d ms%s: %s (%s)",
                seconds * 1000,
                " and failed" if has_failed else "",
                queries.plain(statement),
                queries.call_site(),
            )

    return look_at_query
