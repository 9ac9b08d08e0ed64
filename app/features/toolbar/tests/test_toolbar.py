"""Test what the toolbar records and shows in development, and that nothing else has it."""

from __future__ import annotations

import gzip
import logging
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from flask import Flask, render_template_string
from sqlalchemy import select, text
from sqlalchemy.exc import SQLAlchemyError

from app import create_app, emails
from app.extensions import db, limiter
from app.features.toolbar import main, recording
from app.features.toolbar.recording import KEPT_PARTS, KEPT_REQUESTS, Recorder, RequestRecord
from app.kit import assets, queue
from app.kit.web.headers import CONTENT_SECURITY_POLICY
from app.models import User
from tests import databases, processes
from tests.cli.test_manage import environment
from tests.factories import make_user
from tests.support import PASSWORD, Browser

BAR = re.compile(r'<link rel="stylesheet"[^>]*>\s*<aside class="debug-bar".*?</aside>', re.DOTALL)
HOSTILE = "<img src=x onerror=alert(1)>"


def six_queries() -> dict[str, int]:
    for number in range(6):
        db.session.scalars(select(User.id).where(User.id == number)).all()
    return {"made": 6}


def mails() -> str:
    """Write a mail that is rolled back, and one that is committed, and enqueue two jobs."""
    user = db.session.scalars(select(User)).first()
    emails.send_password_changed(user)
    db.session.rollback()
    emails.send_role_changed(user)
    db.session.commit()
    queue.enqueue("drain_outbox")
    queue.enqueue("drain_outbox")
    return render_template_string("<html><head><link data-styles></head><body></body></html>")


def fails() -> str:
    with suppress(SQLAlchemyError):
        db.session.execute(text("SELECT nothing('hunter2')"))
    raise ZeroDivisionError


@pytest.fixture(scope="module")
def developed(tmp_path_factory: pytest.TempPathFactory, migrated_database: str) -> Iterator[Flask]:
    """Return an app in debug mode, as on the laptop of a developer."""
    kept = dict(vars(limiter))
    folder = tmp_path_factory.mktemp("toolbar")
    with databases.own_database(folder, "toolbar", like=migrated_database) as url:
        settings = {"SQLALCHEMY_DATABASE_URI": url, "DEBUG": True, "RATELIMIT_ENABLED": False}
        app = create_app("testing", settings)
        vars(limiter).update(kept)
        app.test_client_class = Browser
        names = ("app_css", "debugbar_css")  # nothing need be built
        app.extensions["asset_addresses"] = {name: f"/static/gen/{name}.css" for name in names}
        for view in (six_queries, mails, fails):
            app.add_url_rule(f"/try/{view.__name__}", view.__name__, view)
        with app.app_context():
            make_user(email="ada@example.com")
            db.session.remove()
        yield app
        with app.app_context():
            db.engine.dispose()


@pytest.fixture
def browser(developed: Flask, monkeypatch: pytest.MonkeyPatch) -> Browser:
    monkeypatch.setattr(assets, "_rebuild_when_changed", lambda _app: None)
    monkeypatch.setitem(developed.extensions, "toolbar", Recorder())
    client: Any = developed.test_client()
    return client


def records(app: Flask) -> list[RequestRecord]:
    found: Recorder = app.extensions["toolbar"]
    return found.newest()


def details(browser: Browser, response: Any) -> str:
    return browser.get(f"/dev/requests/{response.headers['X-Request-ID']}").text


def bar(page: str) -> str:
    found = BAR.search(page)
    assert found, page[-500:]
    return found[0]


def test_a_page_ends_with_the_toolbar_under_the_same_policy(browser):
    page = browser.get("/account/login")
    shown = bar(page.text)
    assert "0 queries" in shown
    assert "account/login.html" in shown
    assert "from account/login.html" in shown  # the layout, which the page extends
    assert page.headers["X-Request-ID"] in shown
    assert not re.search(r"<script|\bstyle=|<style|\bon\w+=", shown)
    strict = CONTENT_SECURITY_POLICY.format(scripts="'none'", frames="'self'")
    assert page.headers["Content-Security-Policy"] == strict

    missing = browser.get("/not/here")
    assert "404" in bar(missing.text)
    packed = browser.get("/account/login", headers={"Accept-Encoding": "gzip"})
    assert bar(gzip.decompress(packed.data).decode())
    assert int(packed.headers["Content-Length"]) == len(packed.data)


def test_a_redirect_and_its_queries_are_found_by_the_id_of_the_request(browser, developed):
    response = browser.submit(
        "/account/login", {"email": "ada@example.com", "password": PASSWORD, "remember": "y"}
    )
    assert response.status_code == 302
    page = details(developed.test_client(), response)
    assert "<code>/account/login</code>" in page
    assert re.search(r"app/(services|models)/\w+\.py:\d+", page)
    assert "FROM users" in page
    for secret in ("ada@example.com", PASSWORD):
        assert secret not in page
    listed = browser.get("/dev/requests").text
    assert f"/dev/requests/{response.headers['X-Request-ID']}" in listed
    assert listed.index("POST /account/login") < listed.index("GET /account/login")
    assert "/dev/" not in {one.path for one in records(developed)}
    assert browser.get("/dev/requests/00000000").status_code == 404


def test_queries_that_one_line_repeats_are_warned_of_once(browser, developed, caplog, monkeypatch):
    with caplog.at_level(logging.WARNING, "app.features.toolbar"):
        response = browser.get("/try/six_queries")
    assert response.json == {"made": 6}
    (line,) = [one for one in caplog.records if one.name == "app.features.toolbar"]
    assert line.getMessage().startswith("N+1: a query ran 6 times in ")
    assert "SELECT users.id" in line.getMessage()
    page = details(browser, response)
    assert "6 times" in page
    assert "N+1" in browser.get("/dev/requests").text

    caplog.clear()
    for threshold in (0, 7):
        monkeypatch.setitem(developed.config, "N_PLUS_ONE_QUERIES", threshold)
        browser.get("/try/six_queries")
    assert caplog.records == []


def test_jobs_and_committed_mails_are_shown(browser, developed):
    shown = bar(browser.get("/try/mails").text)
    assert "2 jobs" in shown
    assert "1 mail<" in shown
    assert "role_changed" in shown
    assert "to ada@example.com" in shown
    assert "password_changed" not in shown
    assert shown.count("not queued, because Redis is away") == 2


def test_an_exception_is_recorded_with_its_queries(browser, developed):
    with pytest.raises(ZeroDivisionError):
        browser.get("/try/fails")
    (record,) = records(developed)
    page = browser.get(f"/dev/requests/{record.request_id}").text
    assert "<code>ZeroDivisionError</code>" in page
    assert "<strong>failed</strong>" in page
    assert "SELECT nothing(?)" in page
    assert "hunter2" not in page


def test_hostile_values_are_escaped_and_secrets_redacted(browser, developed):
    query = {"q": HOSTILE, "token": "abcdefghijkl", "password": "hunter2", HOSTILE: "1"}
    pages = [browser.get(f"/not/{HOSTILE}", query_string=query).text]
    link = browser.get("/account/reset-password/abcdefgh.ijklmnop")
    pages += [link.text, browser.get("/dev/requests").text, details(browser, link)]
    for page in pages:
        assert HOSTILE not in page
        assert "hunter2" not in page
        assert "abcdefgh" not in page.replace('action="', "")
    assert "q=&lt;img src=x" in bar(pages[0])
    assert "token=••••••" in bar(pages[0])


def test_the_setting_takes_the_toolbar_but_not_the_records(browser, developed, monkeypatch):
    monkeypatch.setitem(developed.config, "DEBUG_TOOLBAR", False)
    assert "debug-bar" not in browser.get("/").text
    assert [one.path for one in records(developed)] == ["/"]


def test_tests_and_production_record_nothing(app, client, developed, browser, monkeypatch):
    # A test before this one may have put the shared app into debug mode.
    monkeypatch.setitem(app.extensions, "toolbar", Recorder())
    assert "debug-bar" not in client.get("/").text
    assert "Nothing is recorded" in client.get("/dev/requests").text
    monkeypatch.setitem(developed.config, "PRODUCTION", True)
    assert "debug-bar" not in browser.get("/").text
    assert records(developed) == []
    assert browser.get("/dev/requests").status_code == 404


def test_production_has_no_toolbar_also_when_asked(production: Callable[..., Flask], monkeypatch):
    for name in ("DEBUG", "DEV_PAGES", "DEBUG_TOOLBAR", "FLASK_DEBUG"):
        monkeypatch.setenv(name, "True")
    app = production("heroku", DEBUG_TOOLBAR="True", DEBUG="True", DEV_PAGES="True", REDIS_URL="")
    app.debug = True
    app.config["DEV_PAGES"] = True
    assert not main.is_on(app)
    assert main._add_toolbar not in app.after_request_funcs[None]
    assert not [rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith("dev.")]


def test_records_are_few_and_count_what_they_leave_out():
    recorder = Recorder()
    for number in range(KEPT_REQUESTS + 5):
        recorder.begin(RequestRecord("GET", f"/{number}", "", "", threshold=5))
    record = recorder.newest()[0]
    assert record.path == f"/{KEPT_REQUESTS + 4}"
    assert len(recorder.newest()) == KEPT_REQUESTS
    for number in range(KEPT_PARTS + 10):
        recording.note_query("SELECT 1" if number % 2 else "SAVEPOINT x", 0.001, False)
    recorder.begin(None)
    recording.note_query("SELECT 1", 0.001, False)
    assert len(record.queries) == KEPT_PARTS
    assert record.query_count == KEPT_PARTS + 10
    assert [(one.statement, one.times) for one in record.repeated()] == [
        ("SELECT ?", (KEPT_PARTS + 10) // 2)
    ]


def test_requests_of_two_threads_have_their_own_records():
    recorder, both = Recorder(), threading.Barrier(2)

    def serve(path: str, number: int) -> None:
        recorder.begin(RequestRecord("GET", path, "", "", threshold=0))
        both.wait(10)
        for _ in range(number):
            recording.note_query("SELECT 1", 0.001, False)

    threads = [threading.Thread(target=serve, args=given) for given in (("/a", 3), ("/b", 4))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {one.path: one.query_count for one in recorder.newest()} == {"/a": 3, "/b": 4}


def test_an_app_that_records_nothing_is_not_listened_to() -> None:
    """The listeners were registered by the import, so each commit of production called them."""
    script = """
from app import create_app
create_app("testing")
from app.features.toolbar import recording
from app.kit.mail import writing
from app.kit.queue import enqueueing
print([one.__module__ for one in [*writing._followers, *enqueueing._followers]])
print(recording.listen.cache_info().misses)
"""
    said = processes.run("-c", script, env=environment()).stdout
    assert "toolbar" not in said
    assert said.splitlines()[-1] == "0"
