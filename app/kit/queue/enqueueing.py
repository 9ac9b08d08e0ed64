"""Enqueue jobs from a request, which must not fail when Redis is unavailable."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from flask import Flask, current_app, g, has_app_context
from redis.exceptions import RedisError
from rq import Queue, Retry
from rq.exceptions import DuplicateJobError, NoSuchJobError
from rq.job import JobStatus

from app.kit.queue.connections import is_configured
from app.kit.queue.extension import Extension, bind
from app.kit.queue.registry import Task, find_task

logger = logging.getLogger(__name__)

PAUSE_AFTER_FAILURE = 5  # seconds without a new attempt to reach Redis
KEEP_FAILURE = 30 * 24 * 60 * 60  # seconds
# With `coalesce`, a queued job stands for later ones for this long. The limit matters only if the
# job is lost without a trace, because usually its status shows at once that it no longer waits.
COALESCE_FOR = 30  # seconds
HAS_ENDED = {JobStatus.FINISHED, JobStatus.FAILED, JobStatus.STOPPED, JobStatus.CANCELED}

# KEYS: the id of the waiting job. ARGV: the id of the new job, seconds to remember it.
# A job that has started, ended or vanished may have missed the newest work.
_WAITING_OR_NEXT = """
local waiting = redis.call('GET', KEYS[1])
if waiting and redis.call('HGET', 'rq:job:' .. waiting, 'status') == 'queued' then
  return waiting
end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
return ARGV[1]
"""


Follower = Callable[[str, int, bool], None]
"""A function that takes the name of a task, the number of its jobs, and whether Redis has them."""

_followers: list[Follower] = []


def follow_enqueued(follower: Follower) -> Follower:
    """Call the decorated function whenever jobs are enqueued, or should have been."""
    _followers.append(follower)
    return follower


@dataclass
class _State:
    """The queue of an app, and the time of the last failure of Redis."""

    rq: Extension
    prefix: str
    failed_at: float = field(default=-PAUSE_AFTER_FAILURE)


def init_app(app: Flask) -> None:
    """Bind the queue to `app`. An empty REDIS_URL, as in tests, means that nothing is queued."""
    app.extensions["queue"] = _State(bind(app), app.config["QUEUE_PREFIX"])


def enqueue(name: str, *, unique_key: str | None = None, **arguments: Any) -> str | None:
    """Enqueue a job for the task called `name`, and return the job's id.

    Returns None if Redis is unavailable: the request must not fail, and waits about ENQUEUE_TIMEOUT
    at most. With `unique_key`, at most one such job waits or runs, and its id is returned. For a
    task with `coalesce`, the id of an equal job that is still queued is returned. Raises
    UnknownTask, and TypeError if an argument is not JSON.
    """
    ids = _enqueue(find_task(name), [arguments], unique_key)
    return ids[0] if ids else None


def enqueue_many(name: str, arguments: Iterable[dict[str, Any]]) -> list[str]:
    """Enqueue a job for each of `arguments`, and return the ids: none if Redis is unavailable."""
    return _enqueue(find_task(name), list(arguments), None)


def drop_connection() -> None:
    """Drop the connection in a process that has just been forked."""
    state: _State = current_app.extensions["queue"]
    state.rq.drop_connection()


def _enqueue(found: Task, jobs: list[dict[str, Any]], unique_key: str | None) -> list[str]:
    if not jobs:
        return []
    json.dumps(jobs)
    ids = _put_in_queue(found, jobs, unique_key)
    for follower in _followers:
        follower(found.name, len(jobs), bool(ids))
    return ids


def _put_in_queue(found: Task, jobs: list[dict[str, Any]], unique_key: str | None) -> list[str]:
    state: _State = current_app.extensions["queue"]
    if not is_configured() or time.monotonic() < state.failed_at + PAUSE_AFTER_FAILURE:
        return []
    try:
        queue = state.rq.queue()
        if unique_key is not None:
            job_id = f"{found.name}-unique-{state.prefix}-{unique_key}"
            return [_enqueue_unique(queue, found, jobs[0], job_id)]
        if found.coalesce:
            return [_enqueue_for_all(queue, found, f"{state.prefix}:waiting:{found.name}")]
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
            if earlier.get_status(refresh=False) not in HAS_ENDED:
                return job_id
            earlier.delete()
        except NoSuchJobError:
            queue.connection.delete(job.key)
        with suppress(DuplicateJobError):  # Another process has just queued the same job.
            queue.enqueue_job(job, unique=True)
    return job_id


def _enqueue_for_all(queue: Queue, found: Task, key: str) -> str:
    job = _job(found, {})
    job_id: str = job["job_id"]
    script = queue.connection.register_script(_WAITING_OR_NEXT)
    waiting: bytes = script(keys=[key], args=[job_id, COALESCE_FOR])
    if waiting.decode() == job_id:
        queue.enqueue_many([queue.prepare_data(**job)])
    return waiting.decode()


def _job(found: Task, kwargs: dict[str, Any], job_id: str | None = None) -> dict[str, Any]:
    request_id = g.get("request_id") if has_app_context() else None
    return {
        "func": found.name,
        "kwargs": kwargs,
        "timeout": found.timeout,
        "result_ttl": found.keep_result,
        "failure_ttl": KEEP_FAILURE,
        "description": found.name,
        # The id begins with the task's name, so that a search for a task reads only ids.
        "job_id": job_id or f"{found.name}-{uuid4().hex}",
        "meta": {"request_id": request_id} if request_id else None,
        "retry": Retry(max=found.retries, interval=found.waits) if found.retries else None,
    }
