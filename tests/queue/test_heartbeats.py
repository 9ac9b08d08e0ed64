"""When a worker was last heard from: real workers, and a registry that was tampered with."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from redis.exceptions import RedisError
from rq.worker_registration import WORKERS_BY_QUEUE_KEY

from app.kit import queue
from app.services import health
from tests.queue.support import until

QUEUE = WORKERS_BY_QUEUE_KEY % "test-default"


def utc(**ago):
    return (datetime.now(UTC) - timedelta(**ago)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def register(redis, name="x", **fields):
    redis.client.sadd(QUEUE, f"rq:worker:{name}")
    if fields:
        redis.client.hset(f"rq:worker:{name}", mapping=fields)


def age(heard):
    return (datetime.now(UTC) - heard).total_seconds()


def test_nobody_is_heard_from_before_a_worker_runs(web):
    assert queue.latest_heartbeat() is None


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


def test_the_newest_counts(web, redis):
    register(redis, "a", state="idle", last_heartbeat=utc(seconds=500))
    register(redis, "b", state="idle", last_heartbeat=utc(seconds=30))
    register(redis, "c", state="idle", last_heartbeat=utc(seconds=5), death=utc(seconds=1))
    register(redis, "gone")

    assert 29 < age(queue.latest_heartbeat()) < 40


def test_one_that_is_busy_in_its_own_process_counts_as_heard_now(web, redis):
    register(redis, state="busy", last_heartbeat=utc(seconds=170))

    assert age(queue.latest_heartbeat()) < 5


def test_a_clock_that_is_ahead_is_believed_for_an_hour(web, redis):
    register(redis, state="idle", last_heartbeat=utc(seconds=-600))

    assert 0 <= age(queue.latest_heartbeat()) < 5


@pytest.mark.parametrize(
    "fields",
    [
        {"last_heartbeat": b"\xff\xfe"},
        {"last_heartbeat": "yesterday"},
        {"last_heartbeat": "9999-12-31T23:59:59.999999Z"},
        {"last_heartbeat": "0001-01-01T00:00:00+23:59"},
        {"last_heartbeat": "9999-12-31T23:59:59-23:59"},
        {"last_heartbeat": b"\x80\x04cos\nsystem\n"},
        {"last_heartbeat": ""},
        {"state": "idle"},
        {"state": "busy", "last_heartbeat": "x" * 100_000},
    ],
)
def test_what_makes_no_sense_is_passed_over(web, redis, fields):
    register(redis, "odd", **fields)

    assert queue.latest_heartbeat() is None
    register(redis, "good", state="idle", last_heartbeat=utc(seconds=1))
    assert age(queue.latest_heartbeat()) < 10


def test_keys_of_another_kind_are_passed_over(web, redis):
    redis.client.set("rq:worker:text", "x")
    register(redis, "text")
    redis.client.sadd(QUEUE, b"\xff\xfe", "")
    assert queue.latest_heartbeat() is None

    redis.client.delete(QUEUE)
    redis.client.set(QUEUE, "x")
    assert queue.latest_heartbeat() is None


@pytest.mark.timing
def test_a_registry_that_was_flooded_is_read_in_part(web, redis):
    names = [f"rq:worker:{number}" for number in range(100_000)]
    redis.client.sadd(QUEUE, *names)
    started = time.monotonic()

    assert queue.latest_heartbeat() is None
    assert time.monotonic() - started < 1


@pytest.mark.timing
def test_a_frozen_redis_is_asked_once(web, redis):
    redis.freeze()
    took = []
    for _ in range(3):
        started = time.monotonic()
        with pytest.raises(RedisError):
            queue.latest_heartbeat()
        took.append(time.monotonic() - started)
    redis.thaw()

    assert took[0] < 1.5
    assert max(took[1:]) < 0.1


@pytest.mark.timing
def test_readiness_follows_a_real_redis(web, redis):
    client = web.test_client()
    assert client.get("/readyz").status_code == 200
    redis.freeze()
    started = time.monotonic()
    assert client.get("/readyz").status_code == 503
    assert time.monotonic() - started < 3
    redis.thaw()
    until(lambda: client.get("/readyz").status_code == 200, "it is ready again")
    redis.stop()
    assert client.get("/readyz").status_code == 503
    assert client.get("/healthz").status_code == 200
