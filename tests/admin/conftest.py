"""A real Redis for the pages that show the queues."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from redis import Redis
from rq import Queue
from rq.job import JobStatus
from rq.registry import (
    CanceledJobRegistry,
    FinishedJobRegistry,
    ScheduledJobRegistry,
    StartedJobRegistry,
)

from app.kit.database import now
from app.kit.queue.enqueueing import drop_connection
from app.kit.queue.jobs import TaskJob, TaskQueue
from app.models import User
from tests import factories
from tests.queue.support import RedisServer
from tests.support import Browser


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def redis(
    app: Flask, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Redis]:
    """An empty Redis that the app under test uses."""
    state = app.extensions["queue"]
    monkeypatch.setitem(app.config, "REDIS_URL", redis_server.url)
    monkeypatch.setattr(state.rq, "redis_url", redis_server.url)
    monkeypatch.setattr(state, "failed_at", float("-inf"))
    drop_connection()
    with redis_server.client as client:
        client.flushall()
        yield client
    drop_connection()


@pytest.fixture
def task_queue(app: Flask, redis: Redis) -> Queue:
    return TaskQueue(app.config["RQ_QUEUES"][0], connection=redis)


@pytest.fixture
def add_job(task_queue: Queue) -> Callable[..., str]:
    """Return a function that adds a job as RQ does, in a list, and returns its id."""

    def add(
        task: str = "drain_outbox",
        state: str = "failed",
        *,
        trace: str = "ValueError: no",
        meta: dict | None = None,
        **arguments: object,
    ) -> str:
        number = len(list(task_queue.connection.scan_iter("rq:job:*")))
        job: TaskJob = task_queue.create_job(
            task, kwargs=arguments, job_id=f"{task}-{number:032x}", failure_ttl=1000, meta=meta
        )
        if state == "queued":
            task_queue.enqueue_job(job)
            return job.id
        job.origin, job.enqueued_at, job.started_at, job.ended_at = task_queue.name, *[now()] * 3
        job.save()
        with task_queue.connection.pipeline() as pipeline:
            if state == "failed":
                job.set_status(JobStatus.FAILED, pipeline)
                job._handle_failure(trace, pipeline)
            elif state == "finished":
                job._result = {"sent": True}
                job.set_status(JobStatus.FINISHED, pipeline)
                job._handle_success(500, pipeline)
                FinishedJobRegistry(queue=task_queue).add(job, 500, pipeline)
            elif state == "started":
                job.set_status(JobStatus.STARTED, pipeline)
                pipeline.zadd(StartedJobRegistry(queue=task_queue).key, {f"{job.id}:run": 2e9})
            elif state == "scheduled":
                job.set_status(JobStatus.SCHEDULED, pipeline)
                ScheduledJobRegistry(queue=task_queue).schedule(job, now(), pipeline)
            else:
                job.set_status(JobStatus.CANCELED, pipeline)
                CanceledJobRegistry(queue=task_queue).add(job, pipeline=pipeline)
            pipeline.execute()
        return job.id

    return add


@pytest.fixture
def manager(app: Flask, make_user: Callable[..., User]) -> Browser:
    """A browser of someone who may manage jobs and is no administrator."""
    user = make_user(email="manager@example.com")
    user.role = factories.make_role("Operator", permissions=0x01 | 0x02)
    browser: Browser = app.test_client()
    browser.enter(user)
    return browser
