"""What a running job tells those who watch it, and how it learns that it is no longer wanted."""

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
    """Someone has asked for this job to end."""


def current_job_id() -> str | None:
    """Return the id of the job that runs, or None outside of one."""
    job = get_current_job()
    return job.id if job is not None else None


def current_run() -> str | None:
    """Return what no other job has, of which there never are two at once, or None outside of one.

    Unlike an id it is not that of a later job with the same `unique_key`; a job that is run again
    after its process has died keeps it.
    """
    job = get_current_job()
    return f"{job.id[:150]}@{job.created_at}" if job is not None else None


def report_progress(done: float, of: float, text: str = "") -> None:
    """Tell how far the running job is: `done` of `of`, and a few words on it.

    May be called as often as is handy: at most four times a second anything is sent, and the last
    one always is. Raises JobCancelled when someone has asked to cancel the job. Does nothing
    outside of a job.
    """
    job: Any = get_current_job()
    if job is None:
        return
    job.meta["progress"] = {"done": done, "of": of, "text": text[:LONGEST_TEXT]}
    job.has_unsent_progress = True
    if time.monotonic() >= job.progress_due_at or done >= of:
        send(job)


def send(job: Any) -> None:
    """Store what a job has reported last. Raises JobCancelled; Redis being away does not matter."""
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
    """Cancel a job and tell whether there was one to cancel.

    One that waits is taken off its queue. One that runs is asked to end, which it does at its next
    `report_progress`; if that does not come within five seconds its process is ended. Raises
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
    """Return the key that is there while a job is asked to end; it holds the time of asking."""
    prefix = current_app.extensions["queue"].prefix
    return f"{prefix}:cancel:{job_id}"


def asked_since(value: bytes | None) -> float | None:
    """Return for how many seconds a job has been asked to end, or None."""
    with suppress(ValueError, TypeError):
        return max(0.0, time.time() - float(value))  # type: ignore[arg-type]
    return None if value is None else 0.0
