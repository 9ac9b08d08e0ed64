"""Requeue the jobs of workers that died, and queue the scheduled jobs that are due.

RQ does this too, but only after minutes, and only when an idle worker wakes. Each step here is one
atomic Redis script. So only one of several workers does it, and a crash in between loses nothing.
"""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from redis import Redis
from rq import Queue

BATCH = 100
JOB_ID = re.compile(rb"[A-Za-z0-9_-]{1,200}")
RUN = re.compile(rb"([A-Za-z0-9_-]{1,200}):([A-Za-z0-9_-]{1,64})")

# KEYS: the running jobs, the queue, the job, its request to cancel.
# ARGV: the run, now, the latest end of an expired lease, whether to subtract a retry.
_BRING_BACK = """
local lease = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not lease then return 'ended' end
if tonumber(lease) > tonumber(ARGV[3]) then return 'alive' end
local status = false
if redis.call('TYPE', KEYS[3]).ok == 'hash' then status = redis.call('HGET', KEYS[3], 'status') end
if status ~= 'started' and status ~= 'queued' then
  redis.call('ZREM', KEYS[1], ARGV[1])
  return 'ended'
end
if redis.call('EXISTS', KEYS[4]) == 1 then return 'cancelled' end
if ARGV[4] == '1' then
  local left = tonumber(redis.call('HGET', KEYS[3], 'retries_left') or 0) or 0
  if left < 1 then return 'exhausted' end
  redis.call('HSET', KEYS[3], 'retries_left', math.floor(left) - 1)
end
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('UNLINK', 'rq:execution:' .. ARGV[1])
redis.call('HSET', KEYS[3], 'status', 'queued', 'enqueued_at', ARGV[2])
redis.call('PERSIST', KEYS[3])
redis.call('LPUSH', KEYS[2], string.match(ARGV[1], '^[^:]+'))
return 'queued'
"""

# KEYS: the intermediate queue, the queue, the job. ARGV: the job's id.
_PUT_BACK = """
if redis.call('LREM', KEYS[1], 1, ARGV[1]) == 0 then return 0 end
if redis.call('TYPE', KEYS[3]).ok ~= 'hash' then return 0 end
local status = redis.call('HGET', KEYS[3], 'status')
if status ~= 'queued' and status ~= 'started' then return 0 end
redis.call('LPUSH', KEYS[2], ARGV[1])
return 1
"""

# KEYS: the scheduled jobs, the queue. ARGV: now, now as RQ writes it, how many at most.
_QUEUE_DUE = """
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[3])
for _, id in ipairs(due) do
  redis.call('ZREM', KEYS[1], id)
  local job = 'rq:job:' .. id
  if redis.call('TYPE', job).ok == 'hash' then
    redis.call('HSET', job, 'status', 'queued', 'enqueued_at', ARGV[2])
    redis.call('RPUSH', KEYS[2], id)
  end
end
return #due
"""


class Fate(StrEnum):
    """The outcome for a run whose worker may have died."""

    ALIVE = "alive"
    ENDED = "ended"
    QUEUED = "queued"
    CANCELLED = "cancelled"  # a user cancelled the job; the caller records it
    EXHAUSTED = "exhausted"  # no retries are left; the caller records the failure


def bring_back(
    redis: Redis, queue: Queue, run: str, flag: str, *, is_over: bool, costs_a_retry: bool
) -> Fate:
    """Requeue the job of a run at the front of the queue, and return the outcome.

    `is_over` means that the process has ended, so the lease need not expire first.
    """
    job_id = run.partition(":")[0]
    found = redis.register_script(_BRING_BACK)(
        keys=[queue.started_job_registry.key, queue.key, f"rq:job:{job_id}", flag],
        args=[run, _now(), "inf" if is_over else time.time(), int(costs_a_retry)],
    )
    return Fate(found.decode())


def expired(redis: Redis, queue: Queue) -> list[str]:
    """Return the runs with expired leases, and drop invalid entries."""
    key = queue.started_job_registry.key
    found = []
    entry: Any
    for entry in redis.zrangebyscore(key, "-inf", time.time(), start=0, num=BATCH):
        if RUN.fullmatch(entry):
            found.append(entry.decode())
        else:
            redis.zrem(key, entry)
    return found


def on_their_way(redis: Redis, queue: Queue) -> set[str]:
    """Return the jobs that a worker has taken and not started, and drop invalid entries."""
    key = queue.intermediate_queue_key
    found = set()
    entry: Any
    for entry in redis.lrange(key, 0, BATCH):
        if JOB_ID.fullmatch(entry):
            found.add(entry.decode())
        else:
            redis.lrem(key, 0, entry)
    return found


def put_back(redis: Redis, queue: Queue, job_id: str) -> bool:
    """Requeue a job that its worker never started, and return whether it was requeued."""
    keys = [queue.intermediate_queue_key, queue.key, f"rq:job:{job_id}"]
    return bool(redis.register_script(_PUT_BACK)(keys=keys, args=[job_id]))


def queue_due(redis: Redis, queue: Queue) -> None:
    """Queue the scheduled jobs that are due, BATCH at most."""
    keys = [queue.scheduled_job_registry.key, queue.key]
    script = redis.register_script(_QUEUE_DUE)
    script(keys=keys, args=[time.time(), _now(), BATCH])


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
