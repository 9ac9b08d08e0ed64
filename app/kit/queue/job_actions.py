"""What those who watch the queues can do to jobs: run them again, take them away.

Each change is one script in Redis, so that of two who press a button at once one does it, and a
worker finds a job whole or not at all. Every function raises RedisError when Redis does not
answer; what a job holds is never read here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice

from redis import Redis

from app.kit.queue.connections import connection
from app.kit.queue.job_reader import JOB_ID, KEYS, State
from app.kit.queue.registry import TASKS

BATCH = 500  # jobs for which Redis attends to nothing else; some milliseconds

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

# KEYS: a list that is a sorted set. ARGV: ids.
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

# KEYS: a queue. ARGV: how many to look at from its front, what an id has to begin with to go.
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
    """Queue failed jobs again and yield how many were, batch by batch."""
    keys = [KEYS[State.FAILED].format(queue), KEYS[State.QUEUED].format(queue)]
    with connection() as redis:
        script = redis.register_script(_REQUEUE)
        for batch in _batches(ids):
            at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
            pairs = [part for entry in batch for part in (entry, _retries_of(entry))]
            yield int(script(keys=keys, args=[at, *pairs]))


def delete(state: State, queue: str, ids: Iterable[bytes]) -> Iterator[int]:
    """Delete jobs that have ended or wait for their time, and yield how many, batch by batch."""
    if state in {State.QUEUED, State.STARTED}:
        raise ValueError(f"jobs that are {state} are not deleted by their ids")
    with connection() as redis:
        script = redis.register_script(_DELETE)
        for batch in _batches(ids):
            yield int(script(keys=[KEYS[state].format(queue)], args=batch))


def empty(queue: str, *, task: str = "") -> Iterator[int]:
    """Delete the jobs that wait on a queue, those of one task if given; yield how many.

    What is queued meanwhile stays.
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
    """Delete a job wherever it is, unless it is running, and tell whether that was done."""
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
    """Return how often the task of a job is tried again by itself, where it says so."""
    task = TASKS.get(entry.partition(b"-")[0].decode("ascii", "replace"))
    return int(getattr(task, "retries", 0) or 0)
