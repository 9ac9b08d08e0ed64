"""Test what /metrics tells, with a real Redis and a real worker."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families
from werkzeug.test import create_environ, run_wsgi_app

from app import create_app, emails
from app.extensions import db
from app.features.metrics.counting import Counts
from app.kit import queue
from app.kit.mail import outbox, recipients
from app.kit.web.serving.shedding import Refusals, skips_line_in
from tests.factories import make_user
from tests.queue.support import RedisServer, until
from tests.support import PASSWORD, Browser

TOKEN = "a-token"
KEY = "test-metrics"


@pytest.fixture
def counted(database_url: str, own_redis: RedisServer) -> Iterator[Flask]:
    """Return an app that counts, with the database and Redis of the worker."""
    settings = {
        "SQLALCHEMY_DATABASE_URI": database_url,
        "REDIS_URL": own_redis.url,
        "QUEUE_PREFIX": "test",
        "RATELIMIT_STORAGE_URI": "memory://",
        "METRICS_TOKEN": TOKEN,
    }
    app = create_app("testing", settings)
    app.test_client_class = Browser
    with app.app_context():
        yield app
        app.extensions["metrics"].flush()  # Otherwise its timer asks for Redis in a later test.
        db.session.remove()
        db.engine.dispose()


def answer(client: FlaskClient, token: str = TOKEN) -> Any:
    return client.get("/metrics", headers={"Authorization": f"Bearer {token}"})


def metrics(client: FlaskClient) -> dict[tuple[str, ...], float]:
    """Return the values by the name of the series, followed by its labels."""
    families = text_string_to_metric_families(answer(client).get_data(as_text=True))
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def test_the_page_does_not_exist_without_a_token(app):
    assert answer(create_app("testing").test_client()).status_code == 404


def test_the_page_wants_the_token(counted):
    client = counted.test_client()
    assert client.get("/metrics").status_code == 401
    for wrong in ("", "a-toke", "a-tokens", "ä"):
        refused = answer(client, wrong)
        assert (refused.status_code, refused.data) == (401, b"")
        assert refused.headers["WWW-Authenticate"].startswith("Bearer")
    found = answer(client)
    assert found.status_code == 200
    assert found.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert found.headers["Cache-Control"] == "no-store"


def test_refused_requests_are_counted(counted):
    refusals = Refusals(counted)
    for _ in range(2):
        run_wsgi_app(refusals, create_environ())
    assert metrics(counted.test_client())["app_requests_shed_total",] == 2
    assert skips_line_in(counted)("/metrics")


def test_requests_are_counted_by_route_and_status(counted):
    client = counted.test_client()
    for path in ("/account/login", "/account/login", "/user/1", "/not/here"):
        client.get(path)
    client.post("/account/login")  # without the token of a form
    found = metrics(client)

    assert found["app_requests_total", "/account/login", "200"] == 2
    assert found["app_requests_total", "/account/login", "400"] == 1
    assert found["app_requests_total", "", "404"] >= 1
    assert found["app_request_seconds_count", "/account/login"] == 3
    assert found["app_request_seconds_bucket", "+Inf", "/account/login"] == 3
    assert found["app_request_seconds_sum", "/account/login"] > 0
    buckets = [value for key, value in found.items() if key[0] == "app_request_seconds_bucket"]
    assert buckets
    assert not any("user/1" in part for key in found for part in key)


def test_queries_and_events_are_counted(counted):
    user = make_user(password=PASSWORD)
    client: Any = counted.test_client()
    client.submit("/account/login", {"email": user.email, "password": "wrong"})
    client.sign_in(user.email)
    found = metrics(client)

    assert found["app_queries_total", "/account/login"] > 2
    assert found["app_query_seconds_total", "/account/login"] > 0
    for action in ("session.started", "session.refused"):
        assert found["app_events_total", action] == 1


def test_processes_and_machines_add_to_the_same_counts(counted, own_redis):
    """Several threads of several processes count at once, and nothing is lost."""
    others = [Counts(counted.config) for _ in range(3)]

    def count(one: Counts) -> None:
        for _ in range(100):
            one.add({("app_job_runs", "say", "done"): 1})
        one.flush()

    threads = [threading.Thread(target=count, args=(one,)) for one in others * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert metrics(counted.test_client())["app_job_runs_total", "done", "say"] == 600


def test_counts_go_to_redis_without_another_request(counted, own_redis, monkeypatch):
    monkeypatch.setattr("app.features.metrics.counting.FLUSH_AFTER", 0.05)
    counted.test_client().get("/account/login")
    until(lambda: own_redis.client.hlen(KEY) > 0, "counts in Redis")


def test_counts_outlive_an_outage_of_redis(counted, own_redis):
    client = counted.test_client()
    own_redis.stop()
    client.get("/account/login")
    away = metrics(client)
    assert away["app_redis_up",] == 0
    assert away["app_database_up",] == 1
    own_redis.start()

    found = metrics(client)
    assert found["app_redis_up",] == 1
    assert found["app_requests_total", "/account/login", "200"] == 1


def test_foreign_values_in_redis_are_skipped(counted, own_redis):
    values = {"x": "1", "[]": "1", "[1]": "1", '["app_requests","/",3]': "1", "[" * 9000: "1"}
    values |= {'["app_requests","/","200"]': "many", '["unknown","a"]': "2", "\xff": "1"}
    own_redis.client.hset(KEY, mapping=values)

    found = metrics(counted.test_client())
    assert ("app_requests_total", "/", "200") not in found
    assert found["app_redis_up",] == 1


def test_hostile_labels_stay_in_their_series(counted):
    hostile = 'a"} 1\napp_redis_up 7\\'
    counts: Counts = counted.extensions["metrics"]
    counts.add({("app_job_runs", hostile, "done"): 1})

    found = metrics(counted.test_client())
    assert found["app_job_runs_total", "done", hostile] == 1
    assert found["app_redis_up",] == 1


def test_the_worker_counts_runs_and_the_queue_tells_its_age(
    counted, own_redis, make_mails, start_worker, smtp
):
    client = counted.test_client()
    outbox.commit_and_notify(*make_mails(2))
    before = metrics(client)
    assert before["app_mails", "pending"] == 2
    assert before["app_mails", "failed"] == 0
    assert before["app_jobs", "test-default", "queued"] == 1
    assert before["app_workers",] == 0

    start_worker(METRICS_TOKEN=TOKEN)
    until(lambda: ("app_job_runs_total", "done", "drain_outbox") in metrics(client), "a run")
    found = metrics(client)
    assert found["app_workers",] == 1
    assert found["app_mails", "pending"] == 0
    assert found["app_mail_age_seconds",] == 0
    assert found["app_job_run_seconds_total", "drain_outbox"] > 0


def test_returned_mails_and_suppressed_addresses_are_counted(counted, monkeypatch):
    client = counted.test_client()
    before = metrics(client)
    assert (before["app_mails", "bounced"], before["app_mails", "complained"]) == (0, 0)
    for state in ("bounced", "bounced", "complained"):
        emails.send_password_changed(make_user()).state = state
    db.session.commit()
    monkeypatch.setattr(recipients, "count_suppressed", lambda: 7)
    found = metrics(client)
    assert (found["app_mails", "bounced"], found["app_mails", "complained"]) == (2, 1)
    assert found["app_suppressed_addresses",] == 7


def test_without_redis_the_page_tells_of_this_process(app, database_url):
    settings = {"SQLALCHEMY_DATABASE_URI": database_url, "METRICS_TOKEN": TOKEN}
    alone = create_app("testing", settings)
    client = alone.test_client()
    client.get("/account/login")
    found = metrics(client)
    with alone.app_context():
        assert not queue.is_configured()
        db.engine.dispose()
    assert found["app_requests_total", "/account/login", "200"] == 1
    assert ("app_workers",) not in found


def test_a_database_that_is_away_is_reported(app, tmp_path):
    settings = {"SQLALCHEMY_DATABASE_URI": f"sqlite:///{tmp_path}/none.db", "METRICS_TOKEN": TOKEN}
    found = metrics(create_app("testing", settings).test_client())
    assert found["app_database_up",] == 0
    assert ("app_mails", "pending") not in found
