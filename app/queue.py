"""The only module that knows RQ and Flask-RQ2: work is queued by the name of a task.

A job is a name and JSON. Whoever can write to Redis can only cause what is registered here:
RQ by itself imports and calls whatever a job names.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import flask_rq2
from flask import Flask, current_app, g, has_app_context
from flask_rq2.job import FlaskJob
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError
from redis.retry import Retry
from rq import Queue, SimpleWorker, Worker
from rq.exceptions import DuplicateJobError, NoSuchJobError, StopRequested
from rq.job import JobStatus
from rq.serializers import JSONSerializer

from app.extensions import db

logger = logging.getLogger(__name__)

ENQUEUE_TIMEOUT = 1  # seconds that a request may lose to Redis
PAUSE_AFTER_FAILURE = 5  # seconds for which Redis is then left alone
WORKER_TIMEOUT = 15  # seconds; longer than POLL, which blocks on purpose
POLL = 5  # seconds that an idle worker waits for a job before it looks around
MAINTENANCE_INTERVAL = 15
KEEP_RESULT = 500  # seconds
KEEP_FAILURE = 30 * 24 * 60 * 60

REQUEST_ID = re.compile(r"[A-Za-z0-9-]{8,64}")


class UnknownTask(Exception):
    """No task has this name, so the job is not run."""


# Tasks


@dataclass(frozen=True)
class Task:
    """A function that jobs may name, and how its jobs are kept. Times are in seconds."""

    name: str
    function: Callable[..., Any]
    timeout: int
    keep_result: int
    quiet: bool


TASKS: dict[str, Task] = {}


def task(
    *, timeout: int = 180, keep_result: int = KEEP_RESULT, quiet: bool = False
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register the decorated function under its own name.

    It runs in the worker, in an app context, and may run twice. A `quiet` one is not logged.
    """

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        name = function.__name__
        TASKS[name] = Task(name, function, timeout, keep_result, quiet)
        return function

    return register


def find_task(name: object) -> Task:
    """Return the task called `name`. Raises UnknownTask."""
    try:
        return TASKS[name]  # type: ignore[index]
    except (KeyError, TypeError):
        raise UnknownTask(f"{ascii(name)[:100]} is not a task") from None


# Queueing


@dataclass
class _State:
    """What one app keeps: Flask-RQ2's object, and when Redis was last found to be away."""

    rq: flask_rq2.RQ
    prefix: str
    failed_at: float = field(default=-PAUSE_AFTER_FAILURE)


def init_app(app: Flask) -> None:
    """Bind the queue to `app`. REDIS_URL is empty where nothing must be queued, as in tests."""
    prefix = app.config.get("QUEUE_PREFIX") or app.config["APP_NAME"]
    prefix = re.sub(r"[^a-z0-9]+", "-", prefix.lower()).strip("-") or "app"
    app.config.update(
        RQ_REDIS_URL=app.config["REDIS_URL"],
        RQ_CONNECTION_CLASS="app.queue.EnqueueConnection",
        RQ_QUEUES=[f"{prefix}-default"],
        RQ_QUEUE_CLASS="app.queue.TaskQueue",
        RQ_JOB_CLASS="app.queue.TaskJob",
        RQ_WORKER_CLASS="app.queue.TaskWorker",
    )
    # Not shared between apps: it would keep the first one's connection.
    rq = _RQ()
    rq.init_app(app)
    app.extensions["queue"] = _State(rq, prefix)


def enqueue(name: str, *, unique_key: str | None = None, **arguments: Any) -> str | None:
    """Queue a job for the task called `name` and return the job's id.

    Returns None when Redis is away: a request must not fail because of that, nor wait longer than
    about ENQUEUE_TIMEOUT. With `unique_key` there is at most one such job waiting or running, and
    its id is returned. Raises UnknownTask, and TypeError for arguments that are not JSON.
    """
    ids = _enqueue(find_task(name), [arguments], unique_key)
    return ids[0] if ids else None


def enqueue_many(name: str, arguments: Iterable[dict[str, Any]]) -> list[str]:
    """Queue a job for each of `arguments` in one go and return their ids, none if Redis is away."""
    return _enqueue(find_task(name), list(arguments), None)


def is_configured() -> bool:
    """Tell whether there is a queue at all."""
    return bool(current_app.config["REDIS_URL"])


def connection(*, timeout: float = ENQUEUE_TIMEOUT) -> Redis:
    """Return a new connection to REDIS_URL that waits at most `timeout` seconds for each answer."""
    return _connect(current_app.config["REDIS_URL"], timeout)


def ping() -> None:
    """Raise RedisError unless Redis answers within ENQUEUE_TIMEOUT."""
    with connection() as redis:
        redis.ping()


def _enqueue(found: Task, jobs: list[dict[str, Any]], unique_key: str | None) -> list[str]:
    if not jobs:
        return []
    json.dumps(jobs)
    state: _State = current_app.extensions["queue"]
    if not is_configured() or time.monotonic() < state.failed_at + PAUSE_AFTER_FAILURE:
        return []
    try:
        queue = state.rq.get_queue(current_app.config["RQ_QUEUES"][0])
        if unique_key is not None:
            return [_enqueue_unique(queue, found, jobs[0], f"{state.prefix}-{unique_key}")]
        queued = queue.enqueue_many([queue.prepare_data(**_job(found, kwargs)) for kwargs in jobs])
        return [job.id for job in queued]
    except RedisError as error:
        state.failed_at = time.monotonic()
        logger.warning("not queued, Redis is away: %s x%s (%s)", found.name, len(jobs), error)
        return []


def _enqueue_unique(queue: Queue, found: Task, kwargs: dict[str, Any], job_id: str) -> str:
    job = queue.create_job(**_job(found, kwargs, job_id))
    try:
        queue.enqueue_job(job, unique=True)
    except DuplicateJobError:
        try:
            earlier = queue.job_class.fetch(job_id, connection=queue.connection)
            if earlier.get_status(refresh=False) not in _ENDED:
                return job_id
            earlier.delete()
        except NoSuchJobError:
            queue.connection.delete(job.key)
        with suppress(DuplicateJobError):  # Someone else was quicker, which is as good.
            queue.enqueue_job(job, unique=True)
    return job_id


_ENDED = {JobStatus.FINISHED, JobStatus.FAILED, JobStatus.STOPPED, JobStatus.CANCELED}


def _job(found: Task, kwargs: dict[str, Any], job_id: str | None = None) -> dict[str, Any]:
    request_id = g.get("request_id") if has_app_context() else None
    return {
        "func": found.name,
        "kwargs": kwargs,
        "timeout": found.timeout,
        "result_ttl": found.keep_result,
        "failure_ttl": KEEP_FAILURE,
        "description": found.name,
        "job_id": job_id or uuid4().hex,
        "meta": {"request_id": request_id} if request_id else None,
    }


# Connections


def _connect(url: str, timeout: float) -> Redis:
    options: dict[str, Any] = {}
    if url.startswith("rediss://"):
        required = current_app.config.get("REDIS_SSL_CERT_REQS", "required")
        options = {"ssl_cert_reqs": required, "ssl_check_hostname": required == "required"}
    return Redis.from_url(
        url,
        socket_connect_timeout=min(timeout, ENQUEUE_TIMEOUT * 5),
        socket_timeout=timeout,
        # The client's own retries turn a refused connection into three seconds of waiting.
        retry=Retry(NoBackoff(), 0),
        **options,
    )


class EnqueueConnection:
    """What Flask-RQ2 makes its connection with: one that gives up at once."""

    @staticmethod
    def from_url(url: str) -> Redis:
        return _connect(url, ENQUEUE_TIMEOUT)


class _RQ(flask_rq2.RQ):
    def init_cli(self, app: Flask) -> None:
        """Add no commands: those of Flask-RQ2 would start a worker that reads pickles."""


# What RQ is made to use instead of its own


class TaskJob(FlaskJob):
    """A job that can name a registered task and nothing else, neither a function nor a callback."""

    @classmethod
    def fetch(cls, id: str, connection: Redis | None = None, serializer: Any = None) -> TaskJob:
        try:
            job: TaskJob = super().fetch(id, connection, serializer or JSONSerializer)
        except NoSuchJobError:
            raise
        except Exception as error:
            if isinstance(error, RedisError) and not isinstance(error, ResponseError):
                raise
            # Left to fly, it would end the worker, and the next one at its first clean-up.
            logger.error("job %s is not readable and is dropped: %r", ascii(id)[:100], error)
            raise NoSuchJobError(id) from None
        return job

    def restore(self, raw_data: Any) -> None:
        super().restore(raw_data)
        self._success_callback_name = None
        self._failure_callback_name = None
        self._stopped_callback_name = None
        self.webhooks = []

    @property
    def func(self) -> Callable[..., Any]:
        found = find_task(self.func_name)
        if self.instance is not None or self.args:
            raise UnknownTask(f"a job for {found.name} with more than named arguments")
        return found.function

    @property
    def func_name(self) -> str:
        return str(super().func_name)

    def _execute(self) -> Any:
        found = find_task(self.func_name)
        request_id = self.meta.get("request_id") if isinstance(self.meta, dict) else None
        if isinstance(request_id, str) and REQUEST_ID.fullmatch(request_id):
            g.request_id = request_id
        started = time.monotonic()
        result = super()._execute()
        if not found.quiet:
            logger.info("task %s done in %.0f ms", found.name, (time.monotonic() - started) * 1000)
        return result


class TaskQueue(Queue):
    """A queue of TaskJobs, in JSON."""

    job_class = TaskJob

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.update(serializer=JSONSerializer, job_class=TaskJob)
        super().__init__(*args, **kwargs)


class _TaskWorker:
    """What both kinds of worker have in common. One app, loaded once, runs every job."""

    job_class = TaskJob
    queue_class = TaskQueue
    max_connection_wait_time = 5.0

    def __init__(self, queues: Any, **kwargs: Any) -> None:
        kwargs.update(
            serializer=JSONSerializer,
            job_class=TaskJob,
            queue_class=TaskQueue,
            maintenance_interval=MAINTENANCE_INTERVAL,
            worker_ttl=POLL + MAINTENANCE_INTERVAL,
            # A description is whatever its writer liked, line breaks included.
            log_job_description=False,
        )
        super().__init__(queues, **kwargs)

    @property
    def dequeue_timeout(self) -> int:
        return POLL

    @property
    def connection_timeout(self) -> int:
        return WORKER_TIMEOUT

    @property
    def is_stopping(self) -> bool:
        """Whether a signal has asked the worker to end."""
        return self._shutdown_requested_date is not None

    def subscribe(self) -> None:
        """Listen to no commands: that takes a thread, and a process with threads must not fork."""

    def unsubscribe(self) -> None:
        pass

    def dequeue_job_and_maintain_ttl(self, *args: Any, **kwargs: Any) -> Any:
        while True:
            try:
                return super().dequeue_job_and_maintain_ttl(*args, **kwargs)
            except (RedisError, StopRequested):
                raise
            except Exception as error:
                logger.error("a job that cannot be read was dropped: %r", error)

    def run_maintenance_tasks(self) -> None:
        """Mend what dead workers left behind, and have the outbox swept.

        RQ's groups are not cleaned, because they are not used and it would read them as pickles.
        """
        for queue in self.queues:
            for job_id in self.connection.lrange(queue.intermediate_queue_key, 0, -1):
                if not re.fullmatch(rb"[A-Za-z0-9_-]+", job_id):
                    self.connection.lrem(queue.intermediate_queue_key, 0, job_id)
        self.clean_registries()
        lock = f"{self.queues[0].name}:sweep"
        if self.connection.set(lock, 1, nx=True, ex=MAINTENANCE_INTERVAL - 1):
            enqueue("sweep_outbox", unique_key="sweep_outbox")

    def handle_exception(self, job: TaskJob, *exc_info: Any) -> None:
        if isinstance(exc_info[1], UnknownTask):
            logger.error("job %s refused: %s", job.id, exc_info[1])
        else:
            super().handle_exception(job, *exc_info)


class TaskWorker(_TaskWorker, Worker):
    """Runs each job in a process of its own, so that one that dies takes nothing along."""

    def main_work_horse(self, job: TaskJob, queue: Queue) -> None:
        # Sockets that two processes share mix up their answers.
        for engine in db.engines.values():
            engine.dispose(close=False)
        self.connection.connection_pool.reset()
        state: _State = current_app.extensions["queue"]
        state.rq._connection = None
        state.rq._queue_instances = {}
        super().main_work_horse(job, queue)


class SimpleTaskWorker(_TaskWorker, SimpleWorker):
    """Runs jobs in the worker itself, where a process cannot be forked or not safely."""


def make_worker() -> TaskWorker | SimpleTaskWorker:
    """Return a worker for this app's queues. Raises RedisError when Redis does not answer."""
    can_fork = hasattr(os, "fork") and sys.platform != "darwin"
    worker_class = TaskWorker if can_fork else SimpleTaskWorker
    redis = connection(timeout=WORKER_TIMEOUT)
    queues = [TaskQueue(name, connection=redis) for name in current_app.config["RQ_QUEUES"]]
    return worker_class(queues, connection=redis)
