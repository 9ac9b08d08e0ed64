"""The watcher of queries measures each query once, and names the line that made it."""

import inspect
from contextlib import suppress

import pytest
from jinja2 import Environment, FileSystemLoader
from sqlalchemy import create_engine, text
from sqlalchemy.exc import SQLAlchemyError

from app.extensions import db
from app.kit.database import queries
from app.models import Role
from app.services import user_lookup


@pytest.fixture
def engine(own_database):
    engine = create_engine(own_database)
    yield engine
    engine.dispose()


def test_every_watcher_hears_of_each_query_once(engine):
    told = []
    for name in ("first", "second"):
        queries.watch(engine, lambda *given, name=name: told.append((name, *given)))
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
        with suppress(SQLAlchemyError):
            connection.execute(text("SELECT nothing()"))
    told = [one for one in told if "SELECT" in one[1]]
    assert [(name, failed) for name, _, _, failed in told] == [
        ("first", False),
        ("second", False),
        ("first", True),
        ("second", True),
    ]
    # One pair of clock readings serves all.
    assert told[0][2] == told[1][2] > 0


def test_an_engine_has_one_handler_for_all_watchers(engine):
    before = len(engine.dispatch.before_cursor_execute)
    for _ in range(2):
        queries.watch(engine, lambda *_: None)
    assert len(engine.dispatch.before_cursor_execute) == before + 1


@pytest.fixture
def sites(app):
    """Return the places of the queries of the test, each with its statement."""
    found = []

    def note(statement, *_):
        found.append((statement, queries.call_site()))

    queries.watch(db.engine.engine, note)
    yield found
    queries.unwatch(db.engine.engine, note)


def test_a_place_is_the_line_of_the_application_above_the_kit(app, sites):
    user_lookup.by_email("nobody@example.com")
    lines, first = inspect.getsourcelines(user_lookup.by_email)
    assert sites[-1][1] == f"app/services/user_lookup.py:{first + len(lines) - 1}"


def test_a_query_of_a_template_has_the_line_of_the_template(app, sites, monkeypatch, tmp_path):
    monkeypatch.setattr(queries, "APP", f"{tmp_path}/")
    monkeypatch.setattr(queries, "ROOT", f"{tmp_path}/")
    (tmp_path / "page.html").write_text("{# a comment #}\n\n<p>\n{{ ask() }}\n")
    templates = Environment(loader=FileSystemLoader(tmp_path), autoescape=True)
    templates.get_template("page.html").render(ask=lambda: db.session.query(Role).all())
    assert sites[-1][1] == "page.html:4"


def test_a_query_of_the_test_is_outside_of_the_application(app, sites):
    db.session.execute(text("SELECT 1"))
    assert sites[-1] == ("SELECT 1", "outside of app")


def test_statements_lose_their_values():
    for statement, shown in {
        "SELECT 1": "SELECT ?",
        "SELECT 'it''s' FROM t1": "SELECT ? FROM t1",
        "SELECT $x$secret$x$": "SELECT ?",
        "SELECT a\n FROM b WHERE c = %(c_1)s LIMIT 25": "SELECT a FROM b WHERE c = %(c_1)s LIMIT ?",
        "x" * 2000: "x" * 1000 + "…",
    }.items():
        assert queries.plain(statement) == shown
