"""Record what the requests of this process did, and keep the newest records in its memory."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from time import perf_counter
from typing import NamedTuple

from sqlalchemy import event
from sqlalchemy.orm import Session

from app.extensions import db
from app.kit.database import now, queries
from app.kit.mail.writing import follow_mails
from app.kit.queue.enqueueing import follow_enqueued

KEPT_REQUESTS = 50
# A record holds so many queries, templates, jobs or mails. It counts further queries.
KEPT_PARTS = 500
# Savepoints and the begin of a transaction are no queries of a line.
OF_A_TRANSACTION = ("BEGIN", "SAVEPOINT", "RELEASE", "ROLLBACK", "SET ")


class MadeQuery(NamedTuple):
    """A query without its parameters. It took `ms` milliseconds."""

    statement: str
    site: str
    ms: float
    has_failed: bool


class RepeatedQuery(NamedTuple):
    """A query that one line made several times in a request, in `ms` milliseconds together."""

    statement: str
    site: str
    times: int
    ms: float


class UsedTemplate(NamedTuple):
    """A template that a page was made with, and the template that extends or includes it, or ""."""

    name: str
    parent: str


class EnqueuedJobs(NamedTuple):
    """Jobs of one task. Without Redis they were not queued."""

    task: str
    number: int
    is_queued: bool


class WrittenMails(NamedTuple):
    """Mails of one kind in the outbox. Several at once have no recipient here."""

    kind: str
    recipient: str
    number: int


@dataclass
class RequestRecord:
    """The queries, templates, jobs and mails of one request so far. Other threads may read it."""

    method: str
    path: str
    route: str
    endpoint: str
    threshold: int
    """How many times one line makes a query before it counts as N+1, or 0."""
    request_id: str = ""
    at: datetime = field(default_factory=now)
    began: float = field(default_factory=perf_counter)
    ms: float | None = None
    status: int | None = None
    error: str = ""
    query_count: int = 0
    query_ms: float = 0.0
    queries: list[MadeQuery] = field(default_factory=list)
    templates: dict[UsedTemplate, int] = field(default_factory=dict)
    jobs: list[EnqueuedJobs] = field(default_factory=list)
    mails: list[WrittenMails] = field(default_factory=list)
    committed_mails: int = 0
    _by_line: dict[tuple[str, str], tuple[int, float]] = field(default_factory=dict)

    def add_query(self, statement: str, seconds: float, has_failed: bool, site: str) -> None:
        ms = seconds * 1000
        self.query_count += 1
        self.query_ms += ms
        if len(self.queries) < KEPT_PARTS:
            self.queries.append(MadeQuery(statement, site, ms, has_failed))
        if not statement.startswith(OF_A_TRANSACTION):
            times, sum_ms = self._by_line.get((statement, site), (0, 0.0))
            self._by_line[statement, site] = (times + 1, sum_ms + ms)

    def repeated(self) -> list[RepeatedQuery]:
        """Return the queries that one line made `threshold` times or more, the most often first."""
        found = [
            RepeatedQuery(queries.plain(statement), site, times, ms)
            for (statement, site), (times, ms) in list(self._by_line.items())
            if times >= self.threshold > 0
        ]
        return sorted(found, key=lambda one: one.times, reverse=True)

    def finish(self, *, status: int | None = None, error: str = "") -> None:
        self.status, self.error = status, error
        self.ms = (perf_counter() - self.began) * 1000


class Recorder:
    """The newest records of a process. Every method may be called by several threads."""

    def __init__(self) -> None:
        self._records: deque[RequestRecord] = deque(maxlen=KEPT_REQUESTS)
        self._lock = threading.Lock()

    def begin(self, record: RequestRecord | None) -> None:
        """Record what this thread does from now on in `record`, or nothing."""
        _current.set(record)
        if record is not None:
            with self._lock:
                self._records.append(record)

    def newest(self) -> list[RequestRecord]:
        """Return the records, newest first."""
        with self._lock:
            return list(reversed(self._records))

    def find(self, request_id: str) -> RequestRecord | None:
        return next((one for one in self.newest() if one.request_id == request_id), None)


_current: ContextVar[RequestRecord | None] = ContextVar("request_record", default=None)


def current() -> RequestRecord | None:
    """Return the record of the current request, or None if it has none."""
    return _current.get()


@contextmanager
def paused() -> Iterator[None]:
    """Record nothing in the block."""
    token = _current.set(None)
    try:
        yield
    finally:
        _current.reset(token)


def note_query(statement: str, seconds: float, has_failed: bool) -> None:
    if record := _current.get():
        record.add_query(statement, seconds, has_failed, queries.call_site())


def note_template(name: str, parent: str | None) -> None:
    if (record := _current.get()) and len(record.templates) < KEPT_PARTS:
        used = UsedTemplate(name, parent or "")
        record.templates[used] = record.templates.get(used, 0) + 1


@cache
def listen() -> None:
    """Begin to note jobs and mails. Further calls do nothing.

    Only an app that records its requests calls this, so production pays nothing for it.
    """
    follow_enqueued(_note_jobs)
    follow_mails(_note_mails)
    event.listen(db.session, "after_commit", _keep_mails)
    event.listen(db.session, "after_rollback", _drop_mails)


def _note_jobs(task: str, number: int, is_queued: bool) -> None:
    if (record := _current.get()) and len(record.jobs) < KEPT_PARTS:
        record.jobs.append(EnqueuedJobs(task, number, is_queued))


def _note_mails(kind: str, recipient: str, number: int) -> None:
    if (record := _current.get()) and len(record.mails) < KEPT_PARTS:
        record.mails.append(WrittenMails(kind, recipient, number))


def _keep_mails(_session: Session) -> None:
    """Note that the mails so far are committed."""
    if record := _current.get():
        record.committed_mails = len(record.mails)


def _drop_mails(_session: Session) -> None:
    """Forget the mails of a transaction that was rolled back."""
    if record := _current.get():
        del record.mails[record.committed_mails :]
