"""Read jobs and workers for the queue pages, without running or unpickling anything.

The data in Redis is not trusted. An unreadable job is shown as unreadable and does not hide the
others. Every function raises RedisError if Redis does not answer.
"""

from __future__ import annotations

import json
import re
import zlib
from base64 import b64decode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from heapq import merge
from itertools import islice
from typing import Any

from flask import current_app
from redis import Redis
from redis.exceptions import RedisError, ResponseError

from app.kit.queue.connections import connection
from app.kit.queue.registry import TASKS

JOB_ID = re.compile(r"[A-Za-z0-9_-]{1,200}")
CHUNK = 1000  # ids that are read at a time
LONGEST_SCAN = 200_000  # the most ids that a search reads
LARGEST_VALUE = 64 * 1024  # the most bytes shown of arguments, a result or a traceback
MOST_WORKERS = 200  # the most workers to read, in case the registry was flooded
SILENT_AFTER = 60  # seconds without a heartbeat from a worker


class State(StrEnum):
    """The state of a job, which names its list in Redis."""

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
FIELDS = (
    *("data", "status", "origin", "created_at", "enqueued_at", "started_at", "ended_at"),
    *("timeout", "worker_name", "meta", "number_of_retries", "retries_left"),
)
WORKER_FIELDS = (
    *("state", "birth", "last_heartbeat", "current_job", "hostname", "pid"),
    *("successful_job_count", "failed_job_count", "shutdown_requested_date", "death"),
)


@dataclass(frozen=True)
class Progress:
    """The progress that a job reports."""

    done: float
    of: float
    text: str


@dataclass(frozen=True)
class Job:
    """The readable parts of a job. `name` is that of a registered task only if `is_known`."""

    id: str
    name: str
    is_readable: bool = True
    state: str = ""
    queue: str = ""
    arguments: dict[str, Any] = field(default_factory=dict)
    created_at: datetime | None = None
    enqueued_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    due_at: datetime | None = None
    timeout: int | None = None
    worker: str = ""
    tries: int = 0
    retries_left: int = 0
    request_id: str = ""
    progress: Progress | None = None

    @property
    def is_known(self) -> bool:
        return self.name in TASKS

    @property
    def took(self) -> float | None:
        """The seconds from the start of the job to its end."""
        if self.started_at is None or self.ended_at is None or self.ended_at < self.started_at:
            return None
        return (self.ended_at - self.started_at).total_seconds()

    @property
    def has_page(self) -> bool:
        return bool(JOB_ID.fullmatch(self.id))


@dataclass(frozen=True)
class Outcome:
    """The outcome of the last attempt of a job."""

    traceback: str = ""
    result: Any = None
    has_result: bool = False


@dataclass(frozen=True)
class Worker:
    """A process that runs jobs, as of its last heartbeat."""

    name: str
    state: str
    born_at: datetime | None
    last_heartbeat: datetime | None
    current_job: str
    host: str
    pid: str
    done: int
    failed: int

    def is_silent(self, at: datetime) -> bool:
        # A busy worker may send no heartbeats. Redis expires its entry when it is gone.
        heartbeat = at if self.state == "busy" else self.last_heartbeat
        return heartbeat is None or (at - heartbeat).total_seconds() > SILENT_AFTER


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
            counts[name] = {state: _whole(next(answers)) for state in State}
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


def ids_in(state: State, queue: str, *, task: str = "", search: str = "") -> list[bytes]:
    """Return the ids in a list as raw bytes, newest first, LONGEST_SCAN at most."""
    with connection() as redis:
        return [entry for _, entry in _entries(redis, queue, state, task, search)]


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
        return _with_due_times(redis, [job])[0], _outcome(_run(pipeline)[0])


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
    return _whole(_run(pipeline)[0])


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
        pipeline.hmget(f"rq:job:{name}", FIELDS)
    found = dict(zip(asked, _run(pipeline), strict=True))
    jobs = [_read(name, found.get(name), state) for name in names]
    return _with_due_times(redis, jobs) if state == State.SCHEDULED else jobs


def _with_due_times(redis: Redis, jobs: list[Job]) -> list[Job]:
    pipeline = redis.pipeline(transaction=False)
    for job in jobs:
        pipeline.zscore(KEYS[State.SCHEDULED].format(job.queue), job.id)
    scores = _run(pipeline)
    return [
        replace(job, due_at=_moment(score)) if isinstance(score, float) else job
        for job, score in zip(jobs, scores, strict=True)
    ]


def _read(job_id: str, values: Any, state: State | None) -> Job:
    """Convert the fields of a job, and leave out invalid values."""
    if not isinstance(values, list) or values[0] is None:
        status = state.value if state else ""
        return Job(job_id[:200], _name_in(job_id), is_readable=False, state=status)
    raw = dict(zip(FIELDS, values, strict=True))
    call = _json(_inflated(raw["data"]))
    is_call = isinstance(call, list) and len(call) == 4  # function, object, arguments, keywords
    name = str(call[0])[:100] if is_call else _name_in(job_id)
    meta = _json(raw["meta"])
    meta = meta if isinstance(meta, dict) else {}
    retried = _whole(raw["number_of_retries"])
    started = _time(raw["started_at"])
    return Job(
        id=job_id,
        name=name,
        is_readable=is_call,
        state=state.value if state else _text(raw["status"], 20) or "unknown",
        queue=_text(raw["origin"], 200),
        arguments=_arguments(call) if is_call else {},
        created_at=_time(raw["created_at"]),
        enqueued_at=_time(raw["enqueued_at"]),
        started_at=started,
        ended_at=_time(raw["ended_at"]),
        timeout=_whole(raw["timeout"]) or None,
        worker=_text(raw["worker_name"], 100),
        tries=_whole(meta.get("tries")) or (retried + 1 if started else 0),
        retries_left=_whole(raw["retries_left"]),
        request_id=str(meta.get("request_id") or "")[:64],
        progress=_progress(meta.get("progress")),
    )


def _arguments(call: list[Any]) -> dict[str, Any]:
    positional, named = call[2], call[3]
    arguments = dict(named) if isinstance(named, dict) else {}
    if isinstance(positional, list):
        arguments |= {str(number): value for number, value in enumerate(positional, 1)}
    return arguments


def _progress(value: Any) -> Progress | None:
    if not isinstance(value, dict):
        return None
    done, of = value.get("done"), value.get("of")
    for number in (done, of):
        if not isinstance(number, int | float) or not 0 <= number < 1e15:
            return None
    return Progress(done, of, str(value.get("text") or "")[:200])  # type: ignore[arg-type]


def _outcome(results: Any) -> Outcome:
    if not isinstance(results, list) or not results:
        return Outcome()
    values = results[0][1]
    if trace := values.get(b"exc_string"):
        return Outcome(traceback=_text(_inflated(_decoded(trace)), LARGEST_VALUE))
    if value := values.get(b"return_value"):
        return Outcome(result=_json(_decoded(value)), has_result=True)
    return Outcome()


def _name_in(job_id: str) -> str:
    name = job_id.partition("-")[0]
    return name if name in TASKS else "unknown"


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
            name = _text(key, 200).removeprefix("rq:worker:")
            found.append(_worker(name, raw))
    return found


def _worker(name: str, raw: dict[str, Any]) -> Worker:
    job_id = _text(raw["current_job"], 200)
    return Worker(
        name=name,
        state="stopping" if raw["shutdown_requested_date"] else _text(raw["state"], 20) or "?",
        born_at=_time(raw["birth"]),
        last_heartbeat=_time(raw["last_heartbeat"]),
        current_job=job_id if JOB_ID.fullmatch(job_id) else "",
        host=_text(raw["hostname"], 100),
        pid=_text(raw["pid"], 20),
        done=_whole(raw["successful_job_count"]),
        failed=_whole(raw["failed_job_count"]),
    )


# Untrusted values


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


def _inflated(value: Any) -> bytes:
    if not isinstance(value, bytes):
        return b""
    try:
        return zlib.decompressobj().decompress(value, LARGEST_VALUE)
    except zlib.error:
        return value


def _decoded(value: bytes) -> bytes:
    try:
        return b64decode(value)
    except ValueError:
        return b""


def _json(value: Any) -> Any:
    """Parse JSON, or return None for anything else, such as a pickle."""
    if not isinstance(value, bytes) or len(value) > LARGEST_VALUE:
        return None
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return None


def _text(value: Any, longest: int) -> str:
    return value[:longest].decode("utf-8", "replace") if isinstance(value, bytes) else ""


def _whole(value: Any) -> int:
    try:
        return max(0, min(int(value), 10**15))
    except (TypeError, ValueError, OverflowError):
        return 0


def _time(value: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(_text(value, 40))
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _moment(timestamp: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(timestamp, UTC)
    except (ValueError, OverflowError, OSError):
        return None
