"""Report the progress of a running job, and ask a job to end."""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from flask import current_app
from redis.exceptions import RedisError
from rq import get_current_job
from rq.serializers import JSONSerializer

from app.kit.queue.connections import connection
from app.kit.queue.recovery import JOB_ID
from app.kit.web import origin

logger = logging.getLogger(__name__)

INTERVAL = 0.25  # seconds between two writes
KEEP_REQUEST = 24 * 60 * 60  # seconds, longer than any job
KEEP_CANCELLED = 7 * 24 * 60 * 60
LONGEST_TEXT = 200

# KEYS: the queue, the scheduled jobs, the cancelled jobs, the job, the request to cancel.
# ARGV: the job's id, now as RQ writes it, now, seconds to keep the job and the request.
_CANCEL = """
if redis.call('TYPE', KEYS[4]).ok ~= 'hash' then return '' end
local waiting = redis.call('LREM', KEYS[1], 0, ARGV[1]) + redis.call('ZREM', KEYS[2], ARGV[1])
if waiting > 0 then
  redis.call('HSET', KEYS[4], 'status', 'canceled', 'ended_at', ARGV[2])
  redis.call('ZADD', KEYS[3], ARGV[3], ARGV[1])
  redis.call('EXPIRE', KEYS[4], ARGV[4])
  return 'canceled'
end
local status = redis.call('HGET', KEYS[4], 'status')
if status ~= 'started' and status ~= 'queued' then return '' end
redis.call('SET', KEYS[5], ARGV[3], 'EX', ARGV[5], 'NX')
return 'asked'
"""


class JobCancelled(Exception):
    """A user has cancelled this job."""


def current_job_id() -> str | None:
    """Return the id of the running job, or None outside a job."""
    job = get_current_job()
    return job.id if job is not None else None


@origin.background_check
def is_in_job() -> bool:
    return get_current_job() is not None


def current_run() -> str | None:
    """Return an identifier of the running job that no other job has, or None outside a job.

    A later job with the same `unique_key` has the same id, but another identifier. A job that runs
    again after its process died keeps it. No two runs with one identifier overlap.
    """
    job = get_current_job()
    return f"{job.id[:150]}@{job.created_at}" if job is not None else None


def report_progress(done: float, of: float, text: str = "") -> None:
    """Report the progress of the running job: `done` of `of`, with a short text.

    Calls are cheap: at most four reports a second are sent, and the last one always is. Raises
    JobCancelled if a user has cancelled the job. Outside a job, nothing happens.
    """
    job: Any = get_current_job()
    if job is None:
        return
    job.meta["progress"] = {"done": done, "of": of, "text": text[:LONGEST_TEXT]}
    job.has_unsent_progress = True
    if time.monotonic() >= job.progress_due_at or done >= of:
        send(job)


def send(job: Any) -> None:
    """Store the last report of a job. Raises JobCancelled. A failure of Redis is only logged."""
    job.has_unsent_progress = False
    job.progress_due_at = time.monotonic() + INTERVAL
    try:
        with job.connection.pipeline(transaction=False) as pipeline:
            pipeline.hset(job.key, "meta", JSONSerializer.dumps(job.meta))
            pipeline.exists(flag_of(job.id))
            is_unwanted = pipeline.execute()[1]
    except RedisError as error:
        logger.warning("the progress of job %s is not stored: %s", job.id, error)
        return
    if is_unwanted:
        raise JobCancelled(f"job {job.id} was cancelled")


def request_cancel(job_id: str) -> bool:
    """Cancel a job, and return whether there was a job to cancel.

    A waiting job is removed from its queue. A running job is asked to end at its next
    `report_progress`. If that takes more than five seconds, its process is ended. Raises
    RedisError.
    """
    if not JOB_ID.fullmatch(job_id.encode()):
        return False
    name = current_app.config["RQ_QUEUES"][0]
    at = datetime.now(UTC)
    keys = [
        f"rq:queue:{name}",
        f"rq:scheduled:{name}",
        f"rq:canceled:{name}",
        f"rq:job:{job_id}",
        flag_of(job_id),
    ]
    with connection() as redis:
        if redis.hget(f"rq:job:{job_id}", "origin") != name.encode():
            return False
        written = at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        arguments = [job_id, written, at.timestamp(), KEEP_CANCELLED, KEEP_REQUEST]
        return bool(redis.register_script(_CANCEL)(keys=keys, args=arguments))


def flag_of(job_id: str) -> str:
    """Return the Redis key of the request to cancel a job. Its value is the time of the request."""
    prefix = current_app.extensions["queue"].prefix
    return f"{prefix}:cancel:{job_id}"


def asked_since(value: bytes | None) -> float | None:
    """Return the seconds since the request to cancel a job, or None without a request."""
    with suppress(ValueError, TypeError):
        return max(0.0, time.time() - float(value))  # type: ignore[arg-type]
    return None if value is None else 0.0
