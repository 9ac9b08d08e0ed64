"""The worker: RQ's, made to outlive what it is fed."""

from __future__ import annotations

import logging
import os
import re
import sys
from typing import Any

from flask import current_app
from redis.exceptions import RedisError
from rq import Queue, SimpleWorker, Worker
from rq.exceptions import StopRequested
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.worker import BaseWorker

from app.extensions import db
from app.queue.connections import connection
from app.queue.enqueueing import drop_connection, enqueue
from app.queue.jobs import TaskJob, TaskQueue
from app.queue.registry import UnknownTask

logger = logging.getLogger(__name__)

POLL = 5  # seconds that an idle worker waits for a job before it looks around
WORKER_TIMEOUT = 15  # seconds; longer than POLL, which blocks on purpose
MAINTENANCE_INTERVAL = 15

JOB_ID = re.compile(rb"[A-Za-z0-9_-]+")


class _TaskWorker(BaseWorker):
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
            job_ids: list[Any] = queue.connection.lrange(queue.intermediate_queue_key, 0, -1)
            for job_id in job_ids:
                if not JOB_ID.fullmatch(job_id):  # Reading it would end the clean-up, each time.
                    queue.connection.lrem(queue.intermediate_queue_key, 0, job_id)
        self.clean_registries()  # type: ignore[no-untyped-call]
        lock = f"{self.queues[0].name}:sweep"
        if self.connection.set(lock, 1, nx=True, ex=MAINTENANCE_INTERVAL - 1):
            enqueue("sweep_outbox", unique_key="sweep_outbox")

    def handle_exception(self, job: Job, *exc_info: Any) -> None:
        if isinstance(exc_info[1], UnknownTask):
            logger.error("job %s refused: %s", job.id, exc_info[1])
        else:
            super().handle_exception(job, *exc_info)


class TaskWorker(_TaskWorker, Worker):
    """Runs each job in a process of its own, so that one that dies takes nothing along."""

    def main_work_horse(self, job: Job, queue: Queue) -> None:
        # Sockets that two processes share mix up their answers.
        for engine in db.engines.values():
            engine.dispose(close=False)
        self.connection.connection_pool.reset()
        drop_connection()
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
