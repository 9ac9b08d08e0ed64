"""Extend RQ's worker: it reuses one process for all jobs, and survives invalid data in Redis."""

from __future__ import annotations

import logging
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any

from flask import current_app
from redis.client import Pipeline
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from rq import Queue, SimpleWorker, Worker
from rq.exceptions import DequeueTimeout, InvalidJobOperation, NoSuchJobError, StopRequested
from rq.executions import Execution
from rq.job import Job, JobStatus
from rq.registry import CanceledJobRegistry
from rq.serializers import JSONSerializer
from rq.timeouts import JobTimeoutException, get_default_death_penalty_class
from rq.utils import now, utcformat
from rq.worker import BaseWorker, WorkerStatus
from rq.worker_registration import clean_worker_registry, register

from app.extensions import db
from app.kit.queue import holding, job_process, recovery
from app.kit.queue.connections import connection
from app.kit.queue.enqueueing import drop_connection, enqueue
from app.kit.queue.job_process import Horse, Reply
from app.kit.queue.jobs import TaskJob, TaskQueue
from app.kit.queue.progress import KEEP_CANCELLED, JobCancelled, asked_since, flag_of
from app.kit.queue.recovery import Fate
from app.kit.queue.recurring import Recurring
from app.kit.queue.registry import UnknownTask, sweeps

logger = logging.getLogger(__name__)

# Times are in seconds.
POLL = 2  # an idle worker's wait for a job before it runs maintenance
WORKER_TIMEOUT = 15  # for an answer of Redis; longer than POLL, for which Redis blocks on purpose
HEARTBEAT = 3  # between two renewals of a running job's lease
LEASE = 15  # without a renewal, after which a job is run again
SETTLE = 5  # of an available Redis before a lease counts as expired
STUCK = 8  # in the intermediate queue, after which a job is queued again
SWEEP_INTERVAL = 15
CLEANING_INTERVAL = 60
CANCEL_PATIENCE = 5  # for a cancelled job to end by itself
KILL_AFTER = 5  # after the timeout of a job that ignores it
STOP_TIMEOUT = 25  # for the current job when the worker has to stop
LAST_RESORT = 28  # until a stopping worker exits in any case; Heroku kills it after 30
WORKER_TTL = 20

IS_COPYING_SAFE = sys.platform != "darwin"


class _TaskWorker(BaseWorker):
    """Base of both kinds of worker. One app, loaded once, runs every job."""

    job_class = TaskJob
    queue_class = TaskQueue

    def __init__(self, queues: Any, **kwargs: Any) -> None:
        kwargs.update(
            serializer=JSONSerializer,
            job_class=TaskJob,
            queue_class=TaskQueue,
            worker_ttl=WORKER_TTL,
            # A description is untrusted and may contain line breaks.
            log_job_description=False,
        )
        super().__init__(queues, **kwargs)
        (self.queue,) = self.queues
        self._is_waiting = self._was_held = False
        self._looked_at = self._settled_at = self._cleaned_at = self._beat_at = float("-inf")
        self._on_their_way: dict[str, float] = {}
        self._cancelled_id: str | None = None
        self._recurring = Recurring(self.connection)

    # Fewer round trips to Redis

    @property
    def dequeue_timeout(self) -> int:
        return POLL

    @property
    def connection_timeout(self) -> int:
        return WORKER_TIMEOUT

    @property
    def should_run_maintenance_tasks(self) -> bool:
        return time.monotonic() - self._looked_at >= POLL

    def subscribe(self) -> None:
        """Do nothing, because a subscription needs a thread and threads make a fork unsafe."""

    def unsubscribe(self) -> None:
        pass

    def check_for_suspension(self, burst: bool) -> None:
        if self.should_run_maintenance_tasks:
            super().check_for_suspension(burst)

    def set_state(self, state: str, pipeline: Pipeline | None = None) -> None:
        if pipeline is not None or state != self._state:
            super().set_state(state, pipeline)

    def heartbeat(self, timeout: int | None = None, pipeline: Pipeline | None = None) -> None:
        if pipeline is not None:
            super().heartbeat(timeout, pipeline)
        elif time.monotonic() - self._beat_at >= 1:
            self._beat_at = time.monotonic()
            with self.connection.pipeline() as own:
                super().heartbeat(timeout, own)
                own.hexists(self.key, "birth")
                is_known = own.execute()[-1]
                if not is_known:  # for example, Redis was flushed
                    own.hset(self.key, mapping={**self.serialize(), "state": self._state})
                    register(self, own)
                    own.execute()

    # Signals

    def bootstrap(self, *args: Any, **kwargs: Any) -> None:
        """Handle signals before the worker is registered, so that it never ends registered.

        RQ handles them after it. Until then a signal ended the worker, and the pages on health
        showed it as running until its entry expired.
        """
        self._install_signal_handlers()  # type: ignore[no-untyped-call]
        super().bootstrap(*args, **kwargs)

    @property
    def is_stopping(self) -> bool:
        """Whether a signal has asked the worker to stop."""
        return self._shutdown_requested_date is not None

    def _shutdown(self) -> None:
        self._stop_requested = True
        if self._is_waiting:
            raise StopRequested

    # Taking jobs

    def dequeue_job_and_maintain_ttl(
        self, timeout: int | None, max_idle_time: int | None = None
    ) -> tuple[Job, Queue] | None:
        self.set_state(WorkerStatus.IDLE)
        while not self._stop_requested:
            try:
                self.heartbeat()
                if self.should_run_maintenance_tasks:
                    self.run_maintenance_tasks()
                is_held = self._is_held()
                self._is_waiting = True
                if is_held:
                    if timeout is None:  # in a burst
                        return None
                    time.sleep(POLL)
                    continue
                found = self.queue_class.dequeue_any(
                    self.queues, timeout, self.connection, self.job_class, self.serializer
                )
            except DequeueTimeout:
                continue
            except RedisConnectionError:
                # The command that runs the worker waits until Redis is back.
                raise StopRequested from None
            finally:
                self._is_waiting = False
            return found
        raise StopRequested

    def _is_held(self) -> bool:
        """Tell whether jobs have to wait, and log when this begins and ends."""
        was_held, self._was_held = self._was_held, holding.are_held()
        if self._was_held is not was_held:
            logger.info("jobs are held" if self._was_held else "jobs are no longer held")
        return self._was_held

    def execute_job(self, job: Job, queue: Queue) -> None:
        if self._claim(job):
            self._run(job, queue)
        self.set_state(WorkerStatus.IDLE)

    def _run(self, job: Job, queue: Queue) -> None:
        raise NotImplementedError

    def _claim(self, job: Job) -> bool:
        """Take the job from the intermediate queue. If it is not there, another worker has it."""
        flag = flag_of(job.id)
        with self.connection.pipeline() as pipeline:
            pipeline.lrem(self.queue.intermediate_queue_key, 1, job.id)
            pipeline.get(flag)
            lease = self.get_heartbeat_ttl(job)
            self.execution = Execution.create(job, lease, pipeline, worker_name=self.name)
            self.set_state(WorkerStatus.BUSY, pipeline=pipeline)
            is_ours, asked, *_ = pipeline.execute()
            if not is_ours:
                self.cleanup_execution(job, pipeline)
                pipeline.execute()
                return False
        if asked is not None:
            # A request to cancel from before the job was queued concerned an earlier run.
            queued_at = job.enqueued_at.timestamp() if job.enqueued_at else 0.0
            if time.time() - (asked_since(asked) or 0) >= queued_at:
                self._end_as_cancelled(job)
                return False
            self.connection.delete(flag)
        return True

    # In the process that runs the job

    def prepare_job_execution(self, job: Job, remove_from_intermediate_queue: bool = False) -> None:
        super().prepare_job_execution(job, remove_from_intermediate_queue=False)

    def handle_exception(self, job: Job, *exc_info: Any) -> None:
        if isinstance(exc_info[1], UnknownTask):
            logger.error("job %s refused: %s", job.id, exc_info[1])
            job.retries_left = 0
        elif isinstance(exc_info[1], JobCancelled):
            self._cancelled_id = job.id
        else:
            super().handle_exception(job, *exc_info)

    def handle_job_failure(self, job: Job, queue: Queue, *args: Any, **kwargs: Any) -> None:
        if self._cancelled_id == job.id or self.connection.exists(flag_of(job.id)):
            self._end_as_cancelled(job)
        else:
            super().handle_job_failure(job, queue, *args, **kwargs)

    def _end_as_cancelled(self, job: Job) -> None:
        self._cancelled_id = None
        logger.info("job %s cancelled", job.id)
        job.ended_at = now()
        registry = CanceledJobRegistry(job.origin, self.connection, job_class=TaskJob)
        with self.connection.pipeline() as pipeline:
            self.cleanup_execution(job, pipeline)
            job.set_status(JobStatus.CANCELED, pipeline=pipeline)
            pipeline.hset(job.key, "ended_at", utcformat(job.ended_at))
            registry.add(job, pipeline=pipeline)
            pipeline.expire(job.key, KEEP_CANCELLED)
            pipeline.delete(flag_of(job.id))
            pipeline.execute()

    # Maintenance

    def run_maintenance_tasks(self) -> None:
        """Queue due jobs, requeue the jobs of dead workers, and enqueue the sweeps."""
        at = time.monotonic()
        if at - self._looked_at > SETTLE:
            # After an outage of Redis, workers need time to renew their leases.
            self._settled_at = at + SETTLE
            self._on_their_way.clear()
        self._looked_at = at
        recovery.queue_due(self.connection, self.queue)
        self._bring_back_abandoned(at)
        self._put_back_stuck(at)
        if at - self._cleaned_at >= CLEANING_INTERVAL:
            self._cleaned_at = at
            self.clean_registries()
        if self.connection.set(f"{self.queue.name}:sweep", 1, nx=True, ex=SWEEP_INTERVAL - 1):
            for sweep in sweeps():
                enqueue(sweep.name, unique_key=sweep.name)
        self._recurring.enqueue_jobs()

    def _bring_back_abandoned(self, at: float) -> None:
        if at < self._settled_at:
            return
        for run in recovery.expired(self.connection, self.queue):
            self._bring_back(run, is_over=False)

    def _bring_back(self, run: str, *, is_over: bool, costs_a_retry: bool = True) -> Fate:
        job_id = run.partition(":")[0]
        fate = recovery.bring_back(
            self.connection,
            self.queue,
            run,
            flag_of(job_id),
            is_over=is_over,
            costs_a_retry=costs_a_retry,
        )
        if fate == Fate.QUEUED:
            logger.warning("job %s is run again: its process has ended", job_id)
        elif fate in {Fate.CANCELLED, Fate.EXHAUSTED}:
            with suppress(NoSuchJobError, InvalidJobOperation):
                job = TaskJob.fetch(job_id, self.connection)
                job.ended_at = now()
                job.retries_left = 0
                self.handle_job_failure(
                    job, self.queue, exc_string="The process that ran the job has ended."
                )
                if fate == Fate.EXHAUSTED:
                    logger.error("job %s has failed: its process ended each time", job_id)
            self.connection.zrem(self.queue.started_job_registry.key, run)
        return fate

    def _put_back_stuck(self, at: float) -> None:
        there = recovery.on_their_way(self.connection, self.queue)
        self._on_their_way = {job_id: self._on_their_way.get(job_id, at) for job_id in there}
        for job_id, since in self._on_their_way.items():
            if at - since >= STUCK and recovery.put_back(self.connection, self.queue, job_id):
                logger.warning("job %s is queued again: no worker has started it", job_id)

    def clean_registries(self) -> None:
        """Delete expired jobs and workers that are gone.

        RQ's groups are not cleaned, because they are unused and RQ would read them as pickles.
        """
        self.queue.finished_job_registry.cleanup()
        self.queue.failed_job_registry.cleanup()
        self.connection.zremrangebyscore(
            self.queue.canceled_job_registry.key, "-inf", time.time() - KEEP_CANCELLED
        )
        clean_worker_registry(self.queue)


class TaskWorker(_TaskWorker, Worker):
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
        for engine in db.engines.values():
            engine.dispose(close=False)
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
                try:
                    self._look_after(job, time.monotonic() - started)
                except RedisError as error:
                    logger.warning("the lease of job %s is not renewed: %s", job.id, error)
                except _Over as over:
                    over.end()
                    return
                continue
            if reply is Reply.LAST:
                self._dismiss_horse(patience=2)
            elif reply is Reply.DIED:
                self._give_back(job)
            return

    def _look_after(self, job: Job, spent: float) -> None:
        """Renew the lease of the running job. Raises _Over if the job must end."""
        if job.timeout and 0 < job.timeout < spent - KILL_AFTER:
            raise _Over(lambda: self._fail(job, f"It took longer than {job.timeout} seconds."))
        asked_to_stop = self._shutdown_requested_date
        if asked_to_stop and (now() - asked_to_stop).total_seconds() > STOP_TIMEOUT:
            raise _Over(lambda: self._give_back(job, costs_a_retry=False))
        is_taken_over, asked = self._renew(job, spent)
        if is_taken_over:
            raise _Over(lambda: self._leave_to_another(job))
        if (asked_since(asked) or 0) > CANCEL_PATIENCE:
            raise _Over(lambda: self._cancel(job))
        if self.should_run_maintenance_tasks:
            # Without this, RQ would also end this run when it records another job's failure.
            execution, self.execution = self.execution, None
            try:
                self.run_maintenance_tasks()
            finally:
                self.execution = execution

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


class _Over(Exception):
    """A running job must end. `end` ends it."""

    def __init__(self, end: Callable[[], None]) -> None:
        self.end = end


class SimpleTaskWorker(_TaskWorker, SimpleWorker):
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
