"""Slow queries are logged with their request and place, and without values."""

import logging
from contextlib import suppress

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import SQLAlchemyError

from app.extensions import db
from app.features import slow_queries
from app.kit.web.request_log import RequestFilter
from tests.support import Browser


def lines(caplog):
    return [one for one in caplog.records if one.name == "app.features.slow_queries"]


@pytest.fixture
def watched(own_database):
    """Return a function that makes queries which are slow from so many seconds on."""
    engines = []

    def run(limit, *statements):
        engine = create_engine(own_database)
        engines.append(engine)
        slow_queries.watch(engine, limit)
        for statement in statements:
            with engine.connect() as connection, suppress(SQLAlchemyError):
                connection.execute(text(statement), {"secret": "hunter2"})

    yield run
    for engine in engines:
        engine.dispose()


def test_a_query_is_logged_without_its_values(watched, caplog):
    watched(0, "SELECT 'hunter2', 42, length(:secret)", "SELECT length(:secret), nothing()")
    found = [one.getMessage() for one in lines(caplog)]
    assert any("ms: SELECT ?, ?, length(" in line for line in found), found
    assert any("ms and failed: SELECT length(" in line for line in found), found
    assert "hunter2" not in caplog.text


def test_a_fast_query_is_not_logged(watched, caplog):
    watched(3600, "SELECT length(:secret)", "SELECT length(:secret), nothing()")
    assert lines(caplog) == []


def test_a_line_names_its_request_and_its_place(own_app, runner):
    runner.invoke(args=["release"])
    own_app.test_client_class = Browser
    client = own_app.test_client()
    noted = []
    limit = RequestFilter()

    class Keeping(logging.Handler):
        def emit(self, record):
            limit.filter(record)
            noted.append((record.request_id, record.getMessage()))

    logger = logging.getLogger("app.features.slow_queries")
    handler = Keeping()
    logger.addHandler(handler)
    try:
        with own_app.app_context():
            slow_queries.watch(db.engine, 0)
        response = client.submit("/account/login", {"email": "a@example.com", "password": "x"})
    finally:
        logger.removeHandler(handler)
    ours = [line for request, line in noted if request == response.headers["X-Request-ID"]]
    assert any("FROM users" in line and "(app/" in line for line in ours), noted
    assert "a@example.com" not in str(noted)


def test_zero_watches_nothing(app, monkeypatch):
    called = []
    monkeypatch.setattr(slow_queries, "watch", lambda *arguments: called.append(arguments))

    monkeypatch.setitem(app.config, "SLOW_QUERY_MS", 0)
    slow_queries.init_app(app)
    assert called == []


def test_statements_lose_their_values():
    for statement, shown in {
        "SELECT 1": "SELECT ?",
        "SELECT 'it''s' FROM t1": "SELECT ? FROM t1",
        "SELECT $x$secret$x$": "SELECT ?",
        "SELECT a\n FROM b WHERE c = %(c_1)s LIMIT 25": "SELECT a FROM b WHERE c = %(c_1)s LIMIT ?",
        "x" * 2000: "x" * 1000 + "…",
    }.items():
        assert slow_queries.plain(statement) == shown
