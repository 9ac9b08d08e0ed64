"""Other processes learn of the mode: web processes without a query of theirs, and workers."""

import sqlite3
import threading

import pytest
from sqlalchemy import event, text

from app import create_app
from app.extensions import db
from app.features.maintenance import site_mode, watching
from app.features.maintenance.models import SiteMode, SiteState
from app.features.maintenance.slots import is_under_maintenance
from app.kit.mail import outbox
from tests.queue.support import until

CLOSED, OFF = SiteState(SiteMode.CLOSED), SiteState()


@pytest.fixture
def other(web, database_url, monkeypatch):
    """Return a browser of another process, in which the thread runs, without Redis."""
    monkeypatch.setattr(watching, "LOOK_EVERY", 0.05)
    app = create_app(
        "testing",
        {"SQLALCHEMY_DATABASE_URI": database_url, "REDIS_URL": "", "RATELIMIT_ENABLED": False},
    )
    app.testing, app.extensions["site_mode"].state = False, None
    yield app.test_client()
    watch = app.extensions["site_mode"]
    # The thread would go on in later tests, and look for a database that is gone.
    watch._asked_at = float("-inf")
    if watch._thread and watch._thread.is_alive():
        until(lambda: not watch._is_fresh.is_set(), "the thread sleeps")
    with app.app_context():
        db.engine.dispose()


def test_the_first_request_of_a_process_knows_the_mode(web, other):
    site_mode.change(CLOSED, by=None)
    assert other.get("/").status_code == 503


def test_a_change_reaches_another_process_and_outlasts_the_database(web, other):
    assert other.get("/").status_code == 200
    site_mode.change(CLOSED, by=None)
    until(lambda: other.get("/").status_code == 503, "the other process notices")
    watch = other.application.extensions["site_mode"]
    with db.engine.begin() as connection:
        connection.execute(text("ALTER TABLE maintenance RENAME TO gone"))
    watch._look()
    assert other.get("/").status_code == 503
    with db.engine.begin() as connection:
        connection.execute(text("ALTER TABLE gone RENAME TO maintenance"))
    site_mode.change(OFF, by=None)
    until(lambda: other.get("/").status_code == 200, "the other process notices")


def test_an_error_of_the_driver_does_not_end_the_thread(web, other):
    assert other.get("/").status_code == 200
    failed = threading.Event()

    def fail(_connection):
        failed.set()
        raise sqlite3.OperationalError("unable to open database file")

    with other.application.app_context():
        engine = db.engine
    event.listen(engine, "begin", fail)
    until(failed.is_set, "the thread meets the error")
    event.remove(engine, "begin", fail)
    site_mode.change(CLOSED, by=None)
    until(lambda: other.get("/").status_code == 503, "the other process notices")


def test_the_thread_sleeps_while_nobody_asks(web, other, monkeypatch):
    monkeypatch.setattr(watching, "IDLE", 0)
    assert other.get("/").status_code == 200
    watch = other.application.extensions["site_mode"]
    until(lambda: not watch._is_fresh.is_set(), "the thread sleeps")
    site_mode.change(CLOSED, by=None)
    assert other.get("/").status_code == 503


def test_a_database_that_hangs_costs_one_wait(web, other, monkeypatch):
    monkeypatch.setattr(watching, "PATIENCE", 0.01)
    watch = other.application.extensions["site_mode"]
    monkeypatch.setattr(watch, "_watch", lambda: None)
    watch.state = OFF
    assert other.get("/").status_code == 200
    assert watch._is_fresh.is_set()


def test_a_process_that_does_not_know_the_mode_does_not_say_that_the_site_is_open(
    web, other, monkeypatch
):
    """It began while the database was slow, and showed a closed site to everyone."""
    monkeypatch.setattr(watching, "PATIENCE", 0.01)
    watch = other.application.extensions["site_mode"]
    monkeypatch.setattr(watch, "_watch", lambda: None)
    answer = other.get("/")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert "Not available just now" in answer.text
    assert other.get("/healthz").status_code == 200
    assert other.get("/account/login").status_code == 200
    watch._look()
    assert other.get("/").status_code == 200


def test_a_database_without_the_table_is_of_a_site_that_nobody_closed(web, other):
    with db.engine.begin() as connection:
        connection.execute(text("ALTER TABLE maintenance RENAME TO gone"))
    assert other.get("/").status_code == 200


def test_a_worker_that_does_not_know_the_mode_holds_its_jobs(other, monkeypatch):
    watch = other.application.extensions["site_mode"]
    monkeypatch.setattr(watch, "_look", lambda **_: None)
    with other.application.app_context():
        assert is_under_maintenance()
        watch.state = OFF
        assert not is_under_maintenance()


def test_a_worker_holds_its_jobs_until_the_site_is_open(web, start_worker, make_mails, smtp):
    site_mode.change(CLOSED, by=None)
    outbox.commit_and_notify(*make_mails(1))
    worker = start_worker()
    worker.wait_for_line("jobs are held")
    assert not smtp.mails
    site_mode.change(OFF, by=None)
    worker.wait_for_line("jobs are no longer held")
    smtp.wait_for(1)


def test_a_worker_that_ends_when_nothing_is_left_does_not_wait(web, start_worker, make_mails, smtp):
    site_mode.change(CLOSED, by=None)
    outbox.commit_and_notify(*make_mails(1))
    start_worker("--burst").wait_for_line("The worker has ended")
    assert not smtp.mails


def test_a_worker_without_redis_holds_its_mails(web, run, make_mails, smtp):
    site_mode.change(CLOSED, by=None)
    outbox.commit_and_notify(*make_mails(1))
    run("run_worker", "--no-redis", "--burst").wait_for_line("The worker has ended")
    assert not smtp.mails
    site_mode.change(OFF, by=None)
    run("run_worker", "--no-redis", "--burst").wait_for_line("The worker has ended")
    assert len(smtp.mails) == 1
