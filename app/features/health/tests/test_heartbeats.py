"""Test the check of workers by their heartbeats."""

import time
from datetime import UTC, datetime

import pytest

from app.features import health
from app.kit import queue
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
