"""The records of jobs and workers, parsed from what Redis holds. None of it is trusted."""

from __future__ import annotations

import json
import re
import zlib
from base64 import b64decode
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from app.kit.queue.registry import TASKS

JOB_ID = re.compile(r"[A-Za-z0-9_-]{1,200}")
LARGEST_VALUE = 64 * 1024  # the most bytes shown of arguments, a result or a traceback
SILENT_AFTER = 60  # seconds without a heartbeat from a worker
JOB_FIELDS = (
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


def read_job(job_id: str, values: Any, state: str | None) -> Job:
    """Convert the fields of a job, and leave out invalid values."""
    if not isinstance(values, list) or values[0] is None:
        status = state or ""
        return Job(job_id[:200], _name_in(job_id), is_readable=False, state=status)
    raw = dict(zip(JOB_FIELDS, values, strict=True))
    call = _json(_inflated(raw["data"]))
    is_call = isinstance(call, list) and len(call) == 4  # function, object, arguments, keywords
    name = str(call[0])[:100] if is_call else _name_in(job_id)
    meta = _json(raw["meta"])
    meta = meta if isinstance(meta, dict) else {}
    retried = whole(raw["number_of_retries"])
    started = _time(raw["started_at"])
    return Job(
        id=job_id,
        name=name,
        is_readable=is_call,
        state=state or text_of(raw["status"], 20) or "unknown",
        queue=text_of(raw["origin"], 200),
        arguments=_arguments(call) if is_call else {},
        created_at=_time(raw["created_at"]),
        enqueued_at=_time(raw["enqueued_at"]),
        started_at=started,
        ended_at=_time(raw["ended_at"]),
        timeout=whole(raw["timeout"]) or None,
        worker=text_of(raw["worker_name"], 100),
        tries=whole(meta.get("tries")) or (retried + 1 if started else 0),
        retries_left=whole(raw["retries_left"]),
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


def read_outcome(results: Any) -> Outcome:
    if not isinstance(results, list) or not results:
        return Outcome()
    values = results[0][1]
    if trace := values.get(b"exc_string"):
        return Outcome(traceback=text_of(_inflated(_decoded(trace)), LARGEST_VALUE))
    if value := values.get(b"return_value"):
        return Outcome(result=_json(_decoded(value)), has_result=True)
    return Outcome()


def _name_in(job_id: str) -> str:
    name = job_id.partition("-")[0]
    return name if name in TASKS else "unknown"


def read_worker(name: str, raw: dict[str, Any]) -> Worker:
    job_id = text_of(raw["current_job"], 200)
    return Worker(
        name=name,
        state="stopping" if raw["shutdown_requested_date"] else text_of(raw["state"], 20) or "?",
        born_at=_time(raw["birth"]),
        last_heartbeat=_time(raw["last_heartbeat"]),
        current_job=job_id if JOB_ID.fullmatch(job_id) else "",
        host=text_of(raw["hostname"], 100),
        pid=text_of(raw["pid"], 20),
        done=whole(raw["successful_job_count"]),
        failed=whole(raw["failed_job_count"]),
    )


# Values


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


def text_of(value: Any, longest: int) -> str:
    return value[:longest].decode("utf-8", "replace") if isinstance(value, bytes) else ""


def whole(value: Any) -> int:
    try:
        return max(0, min(int(value), 10**15))
    except (TypeError, ValueError, OverflowError):
        return 0


def _time(value: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(text_of(value, 40))
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def moment(timestamp: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(timestamp, UTC)
    except (ValueError, OverflowError, OSError):
        return None
