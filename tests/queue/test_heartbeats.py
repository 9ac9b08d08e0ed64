"""The last heartbeats of workers: of real workers, and in a manipulated registry."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from redis.exceptions import RedisError
from rq.worker_registration import WORKERS_BY_QUEUE_KEY

from app.kit import queue

QUEUE = WORKERS_BY_QUEUE_KEY % "test-default"


def utc(**ago):
    return (datetime.now(UTC) - timedelta(**ago)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def register(own_redis, name="x", **fields):
    own_redis.client.sadd(QUEUE, f"rq:worker:{name}")
    if fields:
        own_redis.client.hset(f"rq:worker:{name}", mapping=fields)


def age(heard):
    return (datetime.now(UTC) - heard).total_seconds()


ENDS_AS_SOON_AS_IT_IS_REGISTERED = """
import os, signal
from app.kit.queue.worker import TaskWorker
from manage import cli

def register_birth(worker, register=TaskWorker.register_birth):
    register(worker)
    os.kill(os.getpid(), signal.SIGTERM)

TaskWorker.register_birth = register_birth
cli(["run_worker"])
"""


def test_nobody_is_heard_from_before_a_worker_runs(web):
    assert queue.latest_heartbeat() is None


def test_a_worker_that_ends_while_it_starts_is_not_heard_from(run, own_redis, web):
    worker = run(ENDS_AS_SOON_AS_IT_IS_REGISTERED, program="-c")

    assert worker.wait() == 0
    assert "The worker has ended." in worker.output
    assert own_redis.client.keys("rq:worker:*")
    assert queue.latest_heartbeat() is None


def test_the_newest_counts(web, own_redis):
    register(own_redis, "a", state="idle", last_heartbeat=utc(seconds=500))
    register(own_redis, "b", state="idle", last_heartbeat=utc(seconds=30))
    register(own_redis, "c", state="idle", last_heartbeat=utc(seconds=5), death=utc(seconds=1))
    register(own_redis, "gone")

    assert 29 < age(queue.latest_heartbeat()) < 40


def test_a_worker_that_is_busy_in_its_own_process_counts_as_alive(web, own_redis):
    register(own_redis, state="busy", last_heartbeat=utc(seconds=170))

    assert age(queue.latest_heartbeat()) < 5


def test_a_clock_that_is_ahead_is_believed_for_an_hour(web, own_redis):
    register(own_redis, state="idle", last_heartbeat=utc(seconds=-600))

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
def test_invalid_heartbeats_are_skipped(web, own_redis, fields):
    register(own_redis, "odd", **fields)

    assert queue.latest_heartbeat() is None
    register(own_redis, "good", state="idle", last_heartbeat=utc(seconds=1))
    assert age(queue.latest_heartbeat()) < 10


def test_keys_of_another_kind_are_passed_over(web, own_redis):
    own_redis.client.set("rq:worker:text", "x")
    register(own_redis, "text")
    own_redis.client.sadd(QUEUE, b"\xff\xfe", "")
    assert queue.latest_heartbeat() is None

    own_redis.client.delete(QUEUE)
    own_redis.client.set(QUEUE, "x")
    assert queue.latest_heartbeat() is None


@pytest.mark.timing
def test_a_registry_that_was_flooded_is_read_in_part(web, own_redis):
    names = [f"rq:worker:{number}" for number in range(100_000)]
    own_redis.client.sadd(QUEUE, *names)
    started = time.monotonic()

    assert queue.latest_heartbeat() is None
    assert time.monotonic() - started < 1


@pytest.mark.timing
def test_a_frozen_redis_is_asked_once(web, own_redis):
    own_redis.freeze()
    took = []
    for _ in range(3):
        started = time.monotonic()
        with pytest.raises(RedisError):
            queue.latest_heartbeat()
        took.append(time.monotonic() - started)
    own_redis.thaw()

    assert took[0] < 1.5
    assert max(took[1:]) < 0.1
