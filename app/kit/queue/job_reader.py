"""Read jobs and workers for the queue pages, without running or unpickling anything.

The data in Redis is not trusted. An unreadable job is shown as unreadable and does not hide the
others. Every function raises RedisError if Redis does not answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from heapq import merge
from itertools import islice
from typing import Any

from flask import current_app
from redis import Redis
from redis.exceptions import RedisError, ResponseError

from app.kit.queue.connections import connection
from app.kit.queue.job_records import (
    JOB_FIELDS,
    JOB_ID,
    WORKER_FIELDS,
    Job,
    Outcome,
    Worker,
    moment,
    read_job,
    read_outcome,
    read_worker,
    text_of,
    whole,
)

CHUNK = 1000  # ids that are read at a time
LONGEST_SCAN = 200_000  # the most ids that a search reads
MOST_WORKERS = 200  # the most workers to read, in case the registry was flooded


class State(StrEnum):
    """The state of a job. Each state has a list in Redis."""

    QUEUED = "queued"
    STARTED = "started"
    SCHEDULED = "scheduled"
    FINISHED = "finished"
    FAILED = "failed"
    CANCELED = "canceled"


KEYS = {
    State.QUEUED: "rq:queue:{}",
    State.STARTED: "rq:wip:{}",
    State.SCHEDULED: "rq:scheduled:{}",
    State.FINISHED: "rq:finished:{}",
    State.FAILED: "rq:failed:{}",
    State.CANCELED: "rq:canceled:{}",
}
# KEYS: a list of jobs. ARGV: the command to read it, the first and the last rank, the prefix and a
# part of matching ids, whether the number of a run follows each id, whether to read scores.
# Reading scores takes twice as long. Returns the number of ids read, then the id and score of each
# match.
_MATCHING = """
local command, first, last, beginning, part, numbered, scored = unpack(ARGV)
local arguments = {command, KEYS[1], first, last}
if scored == 'yes' then table.insert(arguments, 'WITHSCORES') end
local found = redis.pcall(unpack(arguments))
if found.err then return {0} end
local step = scored == 'yes' and 2 or 1
local matching = {#found / step}
for at = 1, #found, step do
  local id = found[at]
  if numbered == 'yes' then id = string.match(id, '^[^:]*') end
  if string.sub(id, 1, #beginning) == beginning and string.find(id, part, 1, true) then
    table.insert(matching, id)
    table.insert(matching, step == 2 and found[at + 1] or '0')
  end
end
return matching
"""


@dataclass(frozen=True)
class QueueOverview:
    """The number of jobs in each list of each queue, and the workers."""

    counts: dict[str, dict[State, int]]
    workers: list[Worker]


@dataclass(frozen=True)
class JobsFound:
    """A page of a list. `total` is the least number of jobs when `is_capped`."""

    jobs: list[Job]
    total: int
    is_capped: bool
    has_next: bool


def queue_names() -> list[str]:
    """Return the names of this app's queues. A Redis may also hold queues of other apps."""
    return list(current_app.config["RQ_QUEUES"])


def overview() -> QueueOverview:
    """Count the jobs and read the workers, always in two round trips."""
    names = queue_names()
    with connection() as redis:
        pipeline = redis.pipeline(transaction=False)
        for name in names:
            for state in State:
                _count(pipeline, name, state)
            pipeline.srandmember(f"rq:workers:{name}", MOST_WORKERS)
        answers = iter(_run(pipeline))
        counts: dict[str, dict[State, int]] = {}
        keys: set[bytes] = set()
        for name in names:
            counts[name] = {state: whole(next(answers)) for state in State}
            found = next(answers)
            keys |= set(found) if isinstance(found, list) else set()
        return QueueOverview(counts, _workers(redis, sorted(keys)))


def find(
    state: State, *, queue: str = "", task: str = "", search: str = "", skip: int = 0, limit: int
) -> JobsFound:
    """Return `limit` jobs of a list after skipping `skip`: newest first, or next due first.

    The search reads only ids, which begin with the name of the task, and then the jobs of one page.
    It reads at most LONGEST_SCAN ids. After that, the total is marked as capped.
    """
    names = [queue] if queue in queue_names() else queue_names()
    with connection() as redis:
        if task or search or len(names) > 1:
            return _search(redis, state, names, task=task, search=search, skip=skip, limit=limit)
        total = _total(redis, names[0], state)
        entries = _window(redis, names[0], state, skip, skip + limit - 1)
        return JobsFound(_fetch(redis, entries, state), total, False, skip + len(entries) < total)


def ids_in(state: State, queue: str, *, task: str) -> list[bytes]:
    """Return the ids in a list as raw bytes, newest first, LONGEST_SCAN at most."""
    with connection() as redis:
        return [entry for _, entry in _entries(redis, queue, state, task, "")]


def fetch(job_id: str) -> tuple[Job, Outcome] | None:
    """Return a job and its last outcome, or None if this app has no job with this id."""
    if not JOB_ID.fullmatch(job_id):
        return None
    with connection() as redis:
        job = _fetch(redis, [job_id.encode()], None)[0]
        if not job.state or job.queue not in queue_names():
            return None
        pipeline = redis.pipeline(transaction=False)
        pipeline.xrevrange(f"rq:results:{job_id}", count=1)
        return _with_due_times(redis, [job])[0], read_outcome(_run(pipeline)[0])


# Lists


def _count(pipeline: Any, queue: str, state: State) -> None:
    key = KEYS[state].format(queue)
    if state == State.QUEUED:
        pipeline.llen(key)
    else:
        pipeline.zcard(key)


def _total(redis: Redis, queue: str, state: State) -> int:
    pipeline = redis.pipeline(transaction=False)
    _count(pipeline, queue, state)
    return whole(_run(pipeline)[0])


def _window(redis: Redis, queue: str, state: State, start: int, end: int) -> list[bytes]:
    """Return the entries from rank `start` to `end`."""
    key = KEYS[state].format(queue)
    pipeline = redis.pipeline(transaction=False)
    if state == State.QUEUED:
        # The newest job is at the end of the list.
        pipeline.lrange(key, -1 - end, -1 - start)
    else:
        # The score is the end of the job, or the time of its expiry, so the newest is largest.
        pipeline.zrange(key, start, end, desc=state != State.SCHEDULED)
    entries = _run(pipeline)[0]
    if not isinstance(entries, list):
        return []
    if state == State.QUEUED:
        entries.reverse()
    # The list of running jobs holds the number of the run after each id.
    return [entry.partition(b":")[0] for entry in entries] if state == State.STARTED else entries


def _search(
    redis: Redis,
    state: State,
    queues: list[str],
    *,
    task: str,
    search: str,
    skip: int,
    limit: int,
) -> JobsFound:
    several = len(queues) > 1
    streams = [_entries(redis, queue, state, task, search, scores=several) for queue in queues]
    entries: Iterable[tuple[float, bytes]] = streams[0]
    if several:
        sign = 1 if state == State.SCHEDULED else -1
        entries = merge(*streams, key=lambda entry: sign * entry[0])
    matching = [entry for _, entry in islice(entries, skip + limit + 1)]
    has_next = len(matching) > skip + limit
    sizes = [_total(redis, queue, state) for queue in queues]
    if task or search:
        # An exact total would require reading every id.
        total = len(matching) - has_next
        is_capped = has_next or max(sizes) > LONGEST_SCAN
    else:
        total, is_capped = sum(sizes), False
    page = matching[skip : skip + limit]
    return JobsFound(_fetch(redis, page, state), total, is_capped, has_next)


def _entries(
    redis: Redis, queue: str, state: State, task: str, search: str, *, scores: bool = False
) -> Iterator[tuple[float, bytes]]:
    """Yield the score and id of each match. Scores are 0 in queues and without `scores`.

    Redis filters the ids, CHUNK at first and then more at a time.
    """
    script = redis.register_script(_MATCHING)
    is_list = state == State.QUEUED
    command = {State.QUEUED: "LRANGE", State.SCHEDULED: "ZRANGE"}.get(state, "ZREVRANGE")
    flags = ["yes" if flag else "no" for flag in (state == State.STARTED, scores and not is_list)]
    beginning = f"{task}-" if task else ""
    start, size = 0, CHUNK
    while start < LONGEST_SCAN:
        end = start + size - 1
        ranks = (-1 - end, -1 - start) if is_list else (start, end)  # newest last
        looked_at, *found = script(
            keys=[KEYS[state].format(queue)], args=[command, *ranks, beginning, search, *flags]
        )
        pairs = list(zip(found[::2], found[1::2], strict=True))
        for entry, score in reversed(pairs) if is_list else pairs:
            yield float(score), entry
        if looked_at < size:
            return
        start, size = end + 1, CHUNK * 10


# Jobs


def _fetch(redis: Redis, ids: list[bytes], state: State | None) -> list[Job]:
    names = [entry.decode("ascii", "backslashreplace") for entry in ids]
    pipeline = redis.pipeline(transaction=False)
    asked = [name for name in names if JOB_ID.fullmatch(name)]
    for name in asked:
        pipeline.hmget(f"rq:job:{name}", JOB_FIELDS)
    found = dict(zip(asked, _run(pipeline), strict=True))
    jobs = [read_job(name, found.get(name), state and state.value) for name in names]
    return _with_due_times(redis, jobs) if state == State.SCHEDULED else jobs


def _with_due_times(redis: Redis, jobs: list[Job]) -> list[Job]:
    pipeline = redis.pipeline(transaction=False)
    for job in jobs:
        pipeline.zscore(KEYS[State.SCHEDULED].format(job.queue), job.id)
    scores = _run(pipeline)
    return [
        replace(job, due_at=moment(score)) if isinstance(score, float) else job
        for job, score in zip(jobs, scores, strict=True)
    ]


# Workers


def _workers(redis: Redis, keys: list[bytes]) -> list[Worker]:
    pipeline = redis.pipeline(transaction=False)
    for key in keys:
        pipeline.hmget(key, WORKER_FIELDS)
    found = []
    for key, values in zip(keys, _run(pipeline), strict=True):
        # A worker that ended or died silently leaves only its name.
        if isinstance(values, list) and any(values) and not values[-1]:
            raw = dict(zip(WORKER_FIELDS, values, strict=True))
            name = text_of(key, 200).removeprefix("rq:worker:")
            found.append(read_worker(name, raw))
    return found


def _run(pipeline: Any) -> list[Any]:
    """Run a pipeline. A key of the wrong type affects only its own answer."""
    answers: list[Any] = pipeline.execute(raise_on_error=False)
    for answer in answers:
        if isinstance(answer, RedisError) and not isinstance(answer, ResponseError):
            raise answer
    if answers and all(isinstance(answer, ResponseError) for answer in answers):
        wrong_kind = all(str(answer).startswith("WRONGTYPE") for answer in answers)
        if not wrong_kind:
            raise answers[0]
    return answers
