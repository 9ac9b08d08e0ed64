"""The base of both kinds of worker: it takes jobs, cancels them, and runs maintenance.

RQ's worker trusts the data in Redis, and asks Redis more often than this one.
"""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from typing import Any

from redis.client import Pipeline
from redis.exceptions import ConnectionError as RedisConnectionError
from rq import Queue
from rq.exceptions import DequeueTimeout, InvalidJobOperation, NoSuchJobError, StopRequested
from rq.executions import Execution
from rq.job import Job, JobStatus
from rq.registry import CanceledJobRegistry
from rq.serializers import JSONSerializer
from rq.utils import now, utcformat
from rq.worker import BaseWorker, WorkerStatus
from rq.worker_registration import clean_worker_registry, register

from app.kit.queue import holding, recovery
from app.kit.queue.enqueueing import enqueue
from app.kit.queue.jobs import TaskJob, TaskQueue
from app.kit.queue.progress import KEEP_CANCELLED, JobCancelled, asked_since, flag_of
from app.kit.queue.recovery import Fate
from app.kit.queue.recurring import Recurring
from app.kit.queue.registry import UnknownTask, sweeps

logger = logging.getLogger(__name__)

# Times are in seconds.
POLL = 2  # an idle worker's wait for a job before it runs maintenance
WORKER_TIMEOUT = 15  # for an answer of Redis; longer than POLL, for which Redis blocks on purpose
SETTLE = 5  # of an available Redis before a lease counts as expired
STUCK = 8  # in the intermediate queue, after which a job is queued again
SWEEP_INTERVAL = 15
CLEANING_INTERVAL = 60
WORKER_TTL = 20


class BaseTaskWorker(BaseWorker):
    """The base of both kinds of worker. One app, loaded once, runs every job."""

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
            # RQ's record has the traceback in its message, which is logged on one line.
            logger.error("job %s failed: %r", job.id, exc_info[1], exc_info=exc_info[1])

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

    def _bring_back(self, run: str, *, is_over: bool, costs_a_retry: bool = True) -> None:
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
