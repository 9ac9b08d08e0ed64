"""Requeue and delete jobs on behalf of an administrator.

Each change is one atomic Redis script. So of two concurrent requests only one takes effect, and a
worker finds a complete job or none. Every function raises RedisError if Redis does not answer. The
content of a job is never read here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice

from redis import Redis

from app.kit.queue.connections import connection
from app.kit.queue.job_reader import KEYS, State
from app.kit.queue.job_records import JOB_ID
from app.kit.queue.registry import TASKS

BATCH = 500  # jobs per script, which blocks Redis for some milliseconds

# KEYS: the failed jobs, the queue. ARGV: the time, then pairs of an id and its new retries.
_REQUEUE = """
local moved = 0
for i = 2, #ARGV, 2 do
  local id = ARGV[i]
  local job = 'rq:job:' .. id
  if redis.call('ZREM', KEYS[1], id) == 1 and redis.call('TYPE', job).ok == 'hash' then
    redis.call('HSET', job, 'status', 'queued', 'enqueued_at', ARGV[1])
    redis.call('HDEL', job, 'started_at', 'ended_at', 'exc_info', 'number_of_retries')
    if tonumber(ARGV[i + 1]) > 0 then
      redis.call('HSET', job, 'retries_left', ARGV[i + 1])
    end
    redis.call('PERSIST', job)
    redis.call('RPUSH', KEYS[2], id)
    moved = moved + 1
  end
end
return moved
"""

_FORGET = """
local function forget(id)
  local job = 'rq:job:' .. id
  redis.call('UNLINK', job, job .. ':dependents', 'rq:job::' .. id .. ':dependencies',
             'rq:results:' .. id, 'rq:executions:' .. id)
end
"""

# KEYS: a sorted set of jobs. ARGV: ids.
_DELETE = (
    _FORGET
    + """
local deleted = 0
for i = 1, #ARGV do
  if redis.call('ZREM', KEYS[1], ARGV[i]) == 1 then
    forget(ARGV[i])
    deleted = deleted + 1
  end
end
return deleted
"""
)

# KEYS: a queue. ARGV: how many jobs to read from its front, the prefix of the ids to delete.
_EMPTY = (
    _FORGET
    + """
local deleted, seen = 0, 0
for i = 1, tonumber(ARGV[1]) do
  local id = redis.call('LPOP', KEYS[1])
  if not id then break end
  seen = seen + 1
  if string.sub(id, 1, #ARGV[2]) == ARGV[2] then
    forget(id)
    deleted = deleted + 1
  else
    redis.call('RPUSH', KEYS[1], id)
  end
end
return {deleted, seen}
"""
)

# KEYS: the queue, then its other lists. ARGV: an id.
_DELETE_ONE = (
    _FORGET
    + """
local id = ARGV[1]
local job = 'rq:job:' .. id
if redis.call('TYPE', job).ok == 'hash' and redis.call('HGET', job, 'status') == 'started' then
  return 0
end
redis.call('LREM', KEYS[1], 0, id)
for i = 2, #KEYS do redis.call('ZREM', KEYS[i], id) end
forget(id)
return 1
"""
)


def requeue(queue: str, ids: Iterable[bytes]) -> Iterator[int]:
    """Requeue failed jobs, and yield the number of jobs in each batch."""
    keys = [KEYS[State.FAILED].format(queue), KEYS[State.QUEUED].format(queue)]
    with connection() as redis:
        script = redis.register_script(_REQUEUE)
        for batch in _batches(ids):
            at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
            pairs = [part for entry in batch for part in (entry, _retries_of(entry))]
            yield int(script(keys=keys, args=[at, *pairs]))


def delete(state: State, queue: str, ids: Iterable[bytes]) -> Iterator[int]:
    """Delete ended or scheduled jobs, and yield the number of jobs in each batch.

    Raises ValueError for queued and running jobs.
    """
    if state in {State.QUEUED, State.STARTED}:
        raise ValueError(f"jobs that are {state} are not deleted by their ids")
    with connection() as redis:
        script = redis.register_script(_DELETE)
        for batch in _batches(ids):
            yield int(script(keys=[KEYS[state].format(queue)], args=batch))


def empty(queue: str, *, task: str = "") -> Iterator[int]:
    """Delete the jobs on a queue, or only those of one task, and yield the number in each batch.

    Jobs that are queued meanwhile stay.
    """
    key = KEYS[State.QUEUED].format(queue)
    with connection() as redis:
        script = redis.register_script(_EMPTY)
        remaining = _length(redis, key)
        while remaining > 0:
            deleted, seen = script(
                keys=[key], args=[min(BATCH, remaining), f"{task}-" if task else ""]
            )
            remaining -= BATCH
            yield int(deleted)
            if not seen:
                return


def delete_one(job_id: str, queue: str) -> bool:
    """Delete a job from every list, and return whether it was deleted. A running job stays."""
    if not JOB_ID.fullmatch(job_id):
        return False
    others = (State.FAILED, State.FINISHED, State.SCHEDULED, State.CANCELED)
    keys = [KEYS[state].format(queue) for state in (State.QUEUED, *others)]
    with connection() as redis:
        return bool(redis.register_script(_DELETE_ONE)(keys=keys, args=[job_id]))


def _length(redis: Redis, key: str) -> int:
    return int(redis.llen(key))


def _batches(ids: Iterable[bytes]) -> Iterator[list[bytes]]:
    remaining = iter(ids)
    while batch := list(islice(remaining, BATCH)):
        yield batch


def _retries_of(entry: bytes) -> int:
    """Return the number of automatic retries of a job's task, or 0 for an unknown task."""
    task = TASKS.get(entry.partition(b"-")[0].decode("ascii", "replace"))
    return int(getattr(task, "retries", 0) or 0)
