"""Read the queues, and retry, cancel and delete jobs, for administrators."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from itertools import chain
from typing import Any, ParamSpec, TypeVar

from redis.exceptions import RedisError

from app.extensions import db
from app.kit import audit, queue
from app.kit.database import now
from app.kit.queue import job_actions, job_reader
from app.kit.queue.job_reader import JobsFound, State
from app.kit.queue.job_records import Job, Worker
from app.kit.redact import redacted, redacted_text
from app.models import User

logger = logging.getLogger(__name__)

# Time limit of one request. Another request continues with the remaining jobs.
BUDGET = 5  # seconds
DELETABLE = (State.QUEUED, State.SCHEDULED, State.FINISHED, State.FAILED, State.CANCELED)
CANCELABLE = (State.QUEUED, State.SCHEDULED, State.STARTED)
AWAY = "Redis does not answer, so this may not have been done. Try again when it is back."

Parameters = ParamSpec("Parameters")
Answer = TypeVar("Answer")


class JobQueueAway(Exception):
    """Redis does not answer or is not configured."""


class JobGone(Exception):
    """The job does not exist, or its state no longer allows the action."""


@dataclass(frozen=True)
class Overview:
    """The state of the queues: the number of jobs in each list, and the workers."""

    queues: dict[str, dict[str, int]]
    totals: dict[str, int]
    workers: list[Worker]
    silent: frozenset[str]


@dataclass(frozen=True)
class JobPage:
    """The content of a job's page, with secrets redacted."""

    job: Job
    arguments: list[tuple[str, str]]
    traceback: str
    result: str | None
    may_be_retried: bool
    may_be_cancelled: bool
    may_be_deleted: bool


@dataclass(frozen=True)
class Done:
    """The number of jobs that an action changed, and whether it finished in time."""

    count: int
    is_complete: bool


def _asks_redis(
    function: Callable[Parameters, Answer],
) -> Callable[Parameters, Answer]:
    @wraps(function)
    def asking(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Answer:
        if not queue.is_configured():
            raise JobQueueAway
        try:
            return function(*args, **kwargs)
        except RedisError as error:
            logger.warning("the queues cannot be seen: %s", error)
            raise JobQueueAway from error

    return asking


# Read


def queue_names() -> list[str]:
    return job_reader.queue_names()


def task_names() -> list[str]:
    return sorted(queue.TASKS)


@_asks_redis
def overview() -> Overview:
    """Count the jobs of each list and list the workers. Raises QueueAway."""
    found = job_reader.overview()
    at = now()
    return Overview(
        queues={
            name: {state.value: count for state, count in counts.items()}
            for name, counts in found.counts.items()
        },
        totals={
            state.value: sum(counts[state] for counts in found.counts.values()) for state in State
        },
        workers=found.workers,
        silent=frozenset(worker.name for worker in found.workers if worker.is_silent(at)),
    )


@_asks_redis
def find(
    state: State,
    *,
    queue_name: str = "",
    task: str = "",
    search: str = "",
    page: int = 1,
    per_page: int = 50,
) -> JobsFound:
    """Return a page of a list of jobs, newest first. Raises QueueAway."""
    return job_reader.find(
        state,
        queue=queue_name,
        task=task,
        search=search,
        skip=(page - 1) * per_page,
        limit=per_page,
    )


@_asks_redis
def get(job_id: str) -> JobPage:
    """Return the content of a job's page. Raises QueueAway and JobGone."""
    found = job_reader.fetch(job_id)
    if found is None:
        raise JobGone
    job, outcome = found
    return JobPage(
        job=job,
        arguments=[
            (redacted_text(str(name)[:100]), _shown(redacted(value, name=str(name))))
            for name, value in job.arguments.items()
        ],
        traceback=redacted_text(outcome.traceback),
        result=_shown(redacted(outcome.result)) if outcome.has_result else None,
        may_be_retried=job.state == State.FAILED,
        may_be_cancelled=job.state in set(CANCELABLE),
        may_be_deleted=job.state != State.STARTED,
    )


@_asks_redis
def count(state: State, queue_name: str, *, task: str = "") -> int:
    """Return the number of jobs in a list, for one task or for all. Raises QueueAway."""
    names = _names(queue_name)
    if not task:
        counts = job_reader.overview().counts
        return sum(counts[name][state] for name in names)
    return sum(len(job_reader.ids_in(state, name, task=task)) for name in names)


def summary(job: Job) -> str:
    """Return a job's arguments in one line, with secrets redacted."""
    return ", ".join(
        f"{redacted_text(name[:40])}={_shown(redacted(value, name=name), indent=None)[:80]}"
        for name, value in ((str(key), value) for key, value in list(job.arguments.items())[:6])
    )


def _shown(value: Any, *, indent: int | None = 2) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=indent)


# Retry, cancel, delete


@_asks_redis
def retry(job_id: str, *, by: User) -> None:
    """Queue a failed job again. Raises QueueAway, and JobGone if another request was first."""
    job = get(job_id).job
    with _noted("job.retried", job, by):
        if not sum(job_actions.requeue(job.queue, [job_id.encode()])):
            raise JobGone


@_asks_redis
def delete(job_id: str, *, by: User) -> None:
    """Delete a job that is not running. Raises QueueAway and JobGone."""
    job = get(job_id).job
    with _noted("job.deleted", job, by):
        if not job_actions.delete_one(job_id, job.queue):
            raise JobGone


@_asks_redis
def cancel(job_id: str, *, by: User) -> None:
    """Remove a job from its queue, or ask its worker to stop it.

    Raises QueueAway, and JobGone if the job has ended.
    """
    job = get(job_id).job
    with _noted("job.cancelled", job, by):
        if not queue.request_cancel(job_id):
            raise JobGone


@_asks_redis
def retry_all(queue_name: str, *, task: str, by: User) -> Done:
    """Queue failed jobs again for up to BUDGET seconds. Raises QueueAway."""
    done = _within_budget(
        # Oldest first, in the order in which they were queued.
        job_actions.requeue(name, reversed(job_reader.ids_in(State.FAILED, name, task=task)))
        for name in _names(queue_name)
    )
    _note_many("queue.retried", State.FAILED, queue_name, task=task, done=done, by=by)
    return done


@_asks_redis
def delete_all(state: State, queue_name: str, *, task: str, by: User) -> Done:
    """Delete the jobs of a list for up to BUDGET seconds. Raises QueueAway."""
    done = _within_budget(
        job_actions.empty(name, task=task)
        if state == State.QUEUED
        else job_actions.delete(state, name, job_reader.ids_in(state, name, task=task))
        for name in _names(queue_name)
    )
    _note_many("queue.emptied", state, queue_name, task=task, done=done, by=by)
    return done


def _names(queue_name: str) -> list[str]:
    return [queue_name] if queue_name else job_reader.queue_names()


def _within_budget(queues: Iterable[Iterator[int]]) -> Done:
    """Consume the batches of each queue within BUDGET seconds, and count their jobs."""
    until = time.monotonic() + BUDGET
    count = 0
    for reached in chain.from_iterable(queues):
        count += reached
        if time.monotonic() > until:
            return Done(count, is_complete=False)
    return Done(count, is_complete=True)


@contextmanager
def _noted(action: str, job: Job, by: User) -> Iterator[None]:
    """Record an action on a job in the audit trail, around the action itself.

    Redis is not part of the database transaction. The event is flushed before the action and
    committed after it. An action that cannot be recorded does not run, and a failed action leaves
    no event.
    """
    audit.record(action, by=by, kind="job", label=job.id, task=job.name, queue=job.queue)
    db.session.flush()
    try:
        yield
    except BaseException:
        db.session.rollback()
        raise
    db.session.commit()


def _note_many(
    action: str, state: State, queue_name: str, *, task: str, done: Done, by: User
) -> None:
    """Record an action on many jobs after it has finished, when the count is known."""
    audit.record(
        action,
        by=by,
        kind="queue",
        label=queue_name,
        state=state.value,
        task=task,
        count=done.count,
        is_complete=done.is_complete,
    )
    db.session.commit()
