"""Slow queries and requests are logged with their place, and without values."""

import logging
from contextlib import suppress

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import SQLAlchemyError

from app.features import slow_queries
from app.features.slow_queries import main
from app.kit.database import queries
from app.kit.web.logs.request_log import RequestFilter
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
        queries.watch(engine, slow_queries.slower_than(limit))
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


@pytest.fixture
def noted():
    """Return the messages of the feature, each with the id of its request and its fields."""
    found = []
    limit = RequestFilter()

    class Keeping(logging.Handler):
        def emit(self, record):
            limit.filter(record)
            found.append((record.request_id, record.getMessage(), getattr(record, "fields", {})))

    logger = logging.getLogger("app.features.slow_queries")
    handler = Keeping()
    logger.addHandler(handler)
    yield found
    logger.removeHandler(handler)


def test_a_line_names_its_request_and_its_place(own_app, runner, noted):
    runner.invoke(args=["release"])
    own_app.test_client_class = Browser
    client = own_app.test_client()
    queries.watch_all(own_app, slow_queries.slower_than(0))
    own_app.config["SLOW_REQUEST_MS"] = 0.001
    response = client.submit("/account/login", {"email": "a@example.com", "password": "x"})

    request_id = response.headers["X-Request-ID"]
    ours = [(line, fields) for request, line, fields in noted if request == request_id]
    assert any("FROM users" in line and "(app/" in line for line, _ in ours), noted
    line, fields = ours[-1]
    assert "ms: POST /account/login, 200, " in line
    assert f"{fields['queries']} queries in " in line
    assert fields["queries"] == len(ours) - 1 > 1
    assert fields["ms"] > fields["query_ms"] >= fields["slowest_query_ms"] > 0
    assert line.endswith(f"({fields['slowest_query_site']})")
    assert (fields["route"], fields["status"]) == ("/account/login", 200)
    assert "a@example.com" not in str(noted)


def test_a_request_without_a_route_or_queries_is_logged_too(own_app, noted):
    own_app.config["SLOW_REQUEST_MS"] = 0.001
    own_app.test_client().get("/not/here")

    assert noted[-1][1].endswith(" ms: GET no route, 404, 0 queries in 0 ms")


def test_a_fast_request_is_not_logged(own_app, noted):
    own_app.config["SLOW_REQUEST_MS"] = 600_000
    own_app.test_client().get("/")

    assert noted == []


def test_zero_watches_nothing(app, monkeypatch):
    called = []
    monkeypatch.setattr(
        slow_queries.queries, "watch_all", lambda *arguments: called.append(arguments)
    )
    monkeypatch.setattr(main.costs, "measure", called.append)
    for name in ("SLOW_QUERY_MS", "SLOW_REQUEST_MS"):
        monkeypatch.setitem(app.config, name, 0)
    slow_queries.init_app(app)
    main.init_app(app)
    assert called == []
