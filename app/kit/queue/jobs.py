"""Restrict RQ's jobs and queues to registered task names and JSON."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from flask import g
from redis import Redis
from redis.client import Pipeline
from redis.exceptions import RedisError, ResponseError
from rq import Queue
from rq.exceptions import NoSuchJobError, StopRequested
from rq.serializers import JSONSerializer
from rq.utils import get_version

from app.kit.queue.extension import FlaskJob
from app.kit.queue.progress import JobCancelled, send
from app.kit.queue.recovery import JOB_ID
from app.kit.queue.registry import UnknownTask, find_task

logger = logging.getLogger(__name__)

Watcher = Callable[[str, str, float], None]
"""A function that takes a task, the outcome of a run, and its seconds. It raises nothing."""

_watchers: list[Watcher] = []

REQUEST_ID = re.compile(r"[A-Za-z0-9-]{8,64}")


def watch_jobs(watcher: Watcher) -> Watcher:
    """Call the decorated function after each run of a job: "done", "failed" or "cancelled"."""
    _watchers.append(watcher)
    return watcher


class TaskJob(FlaskJob):
    """A job that names a registered task. Other functions and callbacks are refused."""

    meta: dict[str, Any]
    has_unsent_progress = False
    progress_due_at = 0.0

    @classmethod
    def fetch(
        cls,
        id: str,  # noqa: A002 - RQ's name
        connection: Redis | None = None,
        serializer: Any = None,
    ) -> TaskJob:
        try:
            job: TaskJob = super().fetch(id, connection, serializer or JSONSerializer)
        except (NoSuchJobError, StopRequested):  # a signal raises StopRequested
            raise
        except Exception as error:
            if isinstance(error, RedisError) and not isinstance(error, ResponseError):
                raise
            # Otherwise the error would end this worker, and every later one at its first clean-up.
            logger.error("job %s is not readable and is dropped: %r", ascii(id)[:100], error)
            raise NoSuchJobError(id) from None
        return job

    def restore(self, raw_data: Any) -> None:
        super().restore(raw_data)
        self._success_callback_name = None
        self._failure_callback_name = None
        self._stopped_callback_name = None
        self.webhooks: list[Any] = []

    @property
    def func(self) -> Callable[..., Any]:
        found = find_task(self.func_name)
        if self.instance is not None or self.args:
            raise UnknownTask(f"a job for {found.name} with more than named arguments")
        return found.function

    @property
    def func_name(self) -> str:
        return str(super().func_name)

    def prepare_for_execution(self, worker_name: str, pipeline: Pipeline) -> None:
        super().prepare_for_execution(worker_name, pipeline)
        if not isinstance(self.meta, dict):
            self.meta = {}
        tries = self.meta.get("tries")
        self.meta["tries"] = (tries if isinstance(tries, int) else 0) + 1
        self.meta.pop("progress", None)
        pipeline.hset(self.key, "meta", JSONSerializer.dumps(self.meta))

    def _execute(self) -> Any:
        found = find_task(self.func_name)
        request_id = self.meta.get("request_id") if isinstance(self.meta, dict) else None
        if isinstance(request_id, str) and REQUEST_ID.fullmatch(request_id):
            g.request_id = request_id
        started = time.monotonic()
        outcome = "failed"
        try:
            result = super()._execute()
            outcome = "done"
        except JobCancelled:
            outcome = "cancelled"
            raise
        finally:
            seconds = time.monotonic() - started
            for watcher in _watchers:
                watcher(found.name, outcome, seconds)
        if self.has_unsent_progress:
            with suppress(JobCancelled):  # the job is already done
                send(self)
        if not found.quiet:
            logger.info("task %s done in %.0f ms", found.name, seconds * 1000)
        return result


class TaskQueue(Queue):
    """A queue of TaskJobs, in JSON."""

    job_class = TaskJob

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.update(serializer=JSONSerializer, job_class=TaskJob)
        super().__init__(*args, **kwargs)

    @classmethod
    def dequeue_any(
        cls, queues: Iterable[Queue], timeout: int | None, connection: Redis, *_: Any, **__: Any
    ) -> tuple[TaskJob, Queue] | None:
        """Return the next job of the only queue, and wait for one if there is a timeout.

        Unreadable entries are dropped, also from the intermediate queue. Raises DequeueTimeout.
        """
        (queue,) = queues
        while True:
            job_id: Any = cls._take(connection, queue, timeout)
            if job_id is None:
                return None
            try:
                if JOB_ID.fullmatch(job_id):
                    return TaskJob.fetch(job_id.decode(), connection), queue
                logger.error("what is no id was on the queue and is dropped")
            except NoSuchJobError:
                pass
            connection.lrem(queue.intermediate_queue_key, 1, job_id)

    @classmethod
    def _take(cls, connection: Redis, queue: Queue, timeout: int | None) -> bytes | None:
        """Move an id to the intermediate queue, so that it is not lost if the worker dies."""
        if get_version(connection) >= (6, 2, 0):
            moved = cls.lmove(connection, queue.key, timeout)
            return moved and moved[1]
        taken = cls.lpop([queue.key], timeout, connection)
        if taken is None:
            return None
        connection.rpush(queue.intermediate_queue_key, taken[1])
        return bytes(taken[1])
