"""Test the check of workers by their heartbeats."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from app.features import health
from app.kit import queue
from app.kit.database import now
from tests.queue.support import until


def age(heard):
    return (datetime.now(UTC) - heard).total_seconds()


def test_a_worker_is_heard_from_until_it_ends(web, start_worker):
    worker = start_worker()
    heard = until(queue.latest_heartbeat, "the worker is registered")
    checks = {check.name: check for check in health.system()}

    assert age(heard) < 20
    assert checks["worker"].word == "Running"
    assert checks["redis"].word == "Answers"
    worker.signal(15)
    worker.wait()
    assert queue.latest_heartbeat() is None
    assert "No worker runs" in {c.name: c for c in health.system()}["worker"].problem


def test_a_redis_that_refuses_to_write_is_not_well_and_pages_are_served(web, own_redis):
    """A Redis that is full, or a replica, answers a ping all the same."""
    own_redis.client.config_set("maxmemory", 1)
    checks = {check.name: check for check in health.system()}
    assert checks["redis"].problem.startswith("Redis answers, and refuses to write: ")
    assert checks["tasks"].waits_for == "redis"
    assert web.test_client().get("/readyz").json["redis"] == "ok"

    own_redis.client.config_set("maxmemory", 0)
    own_redis.client.replicaof("127.0.0.1", 1)
    assert "read only" in {check.name: check for check in health.system()}["redis"].problem


def test_jobs_that_failed_lately_are_not_well(add_job, redis, app):
    assert {check.name: check for check in health.system()}["tasks"].word == "None failed"
    add_job()
    failed = {check.name: check for check in health.system()}["tasks"]
    assert failed.problem == "1 task failed in the last day: drain_outbox."
    add_job("drain_outbox")
    for task in ("clean_up", "unknown_one"):
        add_job(task)
    failed = {check.name: check for check in health.system()}["tasks"]
    assert failed.problem == "4 tasks failed in the last day: clean_up, drain_outbox."
    assert queue.failed_since(now() + timedelta(minutes=1)).number == 0


@pytest.mark.timing
def test_readiness_follows_a_real_redis(web, own_redis):
    client = web.test_client()
    assert client.get("/readyz").status_code == 200
    own_redis.freeze()
    started = time.monotonic()
    assert client.get("/readyz").status_code == 503
    assert time.monotonic() - started < 3
    own_redis.thaw()
    until(lambda: client.get("/readyz").status_code == 200, "it is ready again")
    own_redis.stop()
    assert client.get("/readyz").status_code == 503
    assert client.get("/healthz").status_code == 200
