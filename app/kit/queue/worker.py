"""The workers: one reuses a child process for all jobs, the other runs them in its own process."""

from __future__ import annotations

import logging
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from types import FrameType
from typing import Any

from flask import current_app
from redis.exceptions import RedisError
from rq import Queue, SimpleWorker, Worker
from rq.exceptions import InvalidJobOperation, NoSuchJobError
from rq.executions import Execution
from rq.job import Job
from rq.timeouts import JobTimeoutException, get_default_death_penalty_class
from rq.utils import now, utcformat

from app.extensions import db
from app.kit.queue import job_process
from app.kit.queue.base_worker import WORKER_TIMEOUT, WORKER_TTL, BaseTaskWorker
from app.kit.queue.connections import connection
from app.kit.queue.enqueueing import drop_connection
from app.kit.queue.job_process import Horse, Reply
from app.kit.queue.jobs import TaskJob, TaskQueue
from app.kit.queue.progress import asked_since, flag_of

logger = logging.getLogger(__name__)

# Times are in seconds.
HEARTBEAT = 3  # between two renewals of a running job's lease
LEASE = 15  # without a renewal, after which a job is run again
CANCEL_PATIENCE = 5  # for a cancelled job to end by itself
KILL_AFTER = 5  # after the timeout of a job that ignores it
STOP_TIMEOUT = 25  # for the current job when the worker has to stop
LAST_RESORT = 28  # until a stopping worker exits in any case; Heroku kills it after 30

IS_COPYING_SAFE = sys.platform != "darwin"


class TaskWorker(BaseTaskWorker, Worker):
    """Runs its jobs in one reused child process, so that a crash of a job spares the worker."""

    on_idle: Callable[[], None] = staticmethod(lambda: None)
    horse_command: list[str] | None = None  # starts the child process if a fork is not safe
    _horse: Horse | None = None

    def get_heartbeat_ttl(self, job: Job) -> int:
        return LEASE

    def bootstrap(self, *args: Any, **kwargs: Any) -> None:
        super().bootstrap(*args, **kwargs)
        self._ready_horse()

    def teardown(self) -> None:
        if not self.is_horse:
            self._dismiss_horse(patience=2)
        super().teardown()  # type: ignore[no-untyped-call]

    def run_horse(self, orders: int, replies: int) -> None:
        """Run jobs in the child process until the worker closes the pipe."""
        random.seed()
        self._is_horse = True
        # Two processes must not share a socket, because they would mix up the answers.
        self.connection.connection_pool.reset()
        drop_connection()
        job_process.serve(orders, replies, self._perform, self.on_idle)

    def _perform(self, order: str) -> None:
        job_id, _, execution_id = order.partition(":")
        try:
            job = TaskJob.fetch(job_id, self.connection)
        except NoSuchJobError:
            return
        self.execution = Execution(execution_id, job_id, self.connection, self.name)
        try:
            self.perform_job(job, self.queue)
        except RedisError as error:
            logger.warning("how job %s has ended cannot be stored: %s", job.id, error)
            raise SystemExit(1) from None

    # In the worker

    def _run(self, job: Job, queue: Queue) -> None:
        assert self.execution is not None  # noqa: S101 - made by _claim
        try:
            self._ready_horse().give(self.execution.composite_key)
        except OSError:
            self._give_back(job)
            return
        self._watch(job)
        self.execution = None

    def _ready_horse(self) -> Horse:
        if self._horse is None:
            if self.horse_command is None:
                # Two processes must not share a connection, and SQLite would show a copy of one the
                # rows of an earlier time.
                for engine in db.engines.values():
                    engine.dispose()
                self._horse = job_process.fork(self.run_horse)
            else:
                self._horse = job_process.spawn([*self.horse_command, self.name])
            self._horse_pid = self._horse.pid
        return self._horse

    def _dismiss_horse(self, *, patience: float = 0) -> int | None:
        if self._horse is None:
            return None
        dismissed, self._horse, self._horse_pid = self._horse, None, 0
        return dismissed.dismiss(patience)

    def _shutdown(self) -> None:
        # While Redis hangs, each command to it takes WORKER_TIMEOUT.
        signal.signal(signal.SIGALRM, self._end_now)
        signal.setitimer(signal.ITIMER_REAL, LAST_RESORT)
        super()._shutdown()

    def _end_now(self, _number: int, _frame: FrameType | None) -> None:
        """Exit without deregistering. Another worker finds the job by its expired lease."""
        if self._horse is not None:
            self._horse.kill()
        os.write(sys.stderr.fileno(), b"The worker ends at once: something hangs, as Redis may.\n")
        os._exit(1)

    def _watch(self, job: Job) -> None:
        """Wait for the end of the job, and renew its lease until then."""
        assert self._horse is not None  # noqa: S101 - it has just been given the job
        started = time.monotonic()
        while True:
            reply = self._horse.wait(1 if self.is_stopping else HEARTBEAT)
            if reply is Reply.NOTHING_YET:
                end = None
                try:
                    end = self._look_after(job, time.monotonic() - started)
                except RedisError as error:
                    logger.warning("the lease of job %s is not renewed: %s", job.id, error)
                if end is None:
                    continue
                end()
                return
            if reply is Reply.LAST:
                self._dismiss_horse(patience=2)
            elif reply is Reply.DIED:
                self._give_back(job)
            return

    def _look_after(self, job: Job, spent: float) -> Callable[[], None] | None:
        """Renew the lease of the running job. Return the function that ends it, if it must end."""
        if job.timeout and 0 < job.timeout < spent - KILL_AFTER:
            return partial(self._fail, job, f"It took longer than {job.timeout} seconds.")
        asked_to_stop = self._shutdown_requested_date
        if asked_to_stop and (now() - asked_to_stop).total_seconds() > STOP_TIMEOUT:
            return partial(self._give_back, job, costs_a_retry=False)
        is_taken_over, asked = self._renew(job, spent)
        if is_taken_over:
            return partial(self._leave_to_another, job)
        if (asked_since(asked) or 0) > CANCEL_PATIENCE:
            return partial(self._cancel, job)
        if self.should_run_maintenance_tasks:
            # Without this, RQ would also end this run when it records another job's failure.
            execution, self.execution = self.execution, None
            try:
                self.run_maintenance_tasks()
            finally:
                self.execution = execution
        return None

    def _renew(self, job: Job, spent: float) -> tuple[bool, bytes | None]:
        """Renew the lease. Return whether another worker has it, and any request to cancel."""
        execution = self.execution
        assert execution is not None  # noqa: S101 - made by _claim
        with self.connection.pipeline() as pipeline:
            pipeline.zscore(job.started_job_registry.key, execution.composite_key)
            pipeline.hget(job.key, "created_at")
            pipeline.get(flag_of(job.id))
            super().heartbeat(WORKER_TTL + LEASE, pipeline)
            self.set_current_job_working_time(spent, pipeline)
            execution.heartbeat(job.started_job_registry, LEASE, pipeline)
            if self._shutdown_requested_date is not None:
                requested = utcformat(self._shutdown_requested_date)
                pipeline.hset(self.key, "shutdown_requested_date", requested)
            lease, created_at, asked, *_ = pipeline.execute()
        # After a flush of Redis the job is missing, or a later job has the same id.
        is_there = job.created_at and created_at == utcformat(job.created_at).encode()
        return lease is None and bool(is_there), asked

    def _leave_to_another(self, job: Job) -> None:
        assert self._horse is not None  # noqa: S101 - it is running the job
        # The horse may just have finished the job.
        if self._horse.wait(1) in {Reply.NOTHING_YET, Reply.DIED}:
            self._dismiss_horse()
            logger.warning("job %s is run by another worker, and has been ended here", job.id)

    def _cancel(self, job: Job) -> None:
        self._dismiss_horse()
        logger.info("job %s did not end when asked to, and has been ended", job.id)
        self._end_as_cancelled(job)

    def _fail(self, job: Job, reason: str) -> None:
        self._dismiss_horse()
        logger.warning("job %s has failed: %s", job.id, reason)
        with suppress(NoSuchJobError, InvalidJobOperation):
            fresh = TaskJob.fetch(job.id, self.connection)
            fresh.ended_at = now()
            self.handle_job_failure(fresh, self.queue, exc_string=reason)

    def _give_back(self, job: Job, *, costs_a_retry: bool = True) -> None:
        """Requeue the job of a dead process, unless the process had finished the job."""
        run = self.execution.composite_key if self.execution else ""
        status = self._dismiss_horse()
        if status is not None and os.WIFSIGNALED(status):
            logger.warning(
                "the process of job %s was killed by signal %s", job.id, os.WTERMSIG(status)
            )
        self.execution = None
        self._bring_back(run, is_over=True, costs_a_retry=costs_a_retry)


class SimpleTaskWorker(BaseTaskWorker, SimpleWorker):
    """Runs jobs in the worker's own process, on systems without fork."""

    def _run(self, job: Job, queue: Queue) -> None:
        self.perform_job(job, queue)


def make_worker(
    *,
    on_idle: Callable[[], None] | None = None,
    horse_command: list[str] | None = None,
) -> TaskWorker | SimpleTaskWorker:
    """Return a worker for this app's queue. Raises RedisError if Redis does not answer.

    `on_idle` is called in the child process during a pause. `horse_command` starts the child
    process where a fork is not safe: macOS's own libraries do not support it.
    """
    if not hasattr(os, "fork"):
        return SimpleTaskWorker(_queues(connection(timeout=WORKER_TIMEOUT)))
    worker = TaskWorker(_queues(connection(timeout=WORKER_TIMEOUT)))
    if on_idle is not None:
        worker.on_idle = on_idle
    if not IS_COPYING_SAFE:
        worker.horse_command = horse_command
    return worker


def time_limit(seconds: int) -> Any:
    """Return a context manager that raises JobTimeoutException in its body after `seconds`."""
    return get_default_death_penalty_class()(seconds, JobTimeoutException)


def run_job_process(
    name: str, orders: int, replies: int, parent: int, on_idle: Callable[[], None]
) -> None:
    """Run jobs for the worker called `name`, in the process that its `horse_command` started."""
    job_process.become(parent)
    queues = _queues(connection(timeout=WORKER_TIMEOUT))
    worker = TaskWorker(queues, name=name, prepare_for_work=False)
    worker.on_idle = on_idle
    worker.run_horse(orders, replies)


def _queues(redis: Any) -> list[TaskQueue]:
    return [TaskQueue(name, connection=redis) for name in current_app.config["RQ_QUEUES"]]
