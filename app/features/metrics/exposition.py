"""Write the metrics in the text format of Prometheus."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from itertools import accumulate
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from redis.exceptions import RedisError
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from app.extensions import db
from app.features.metrics import measures
from app.features.metrics.counting import Counts, Series
from app.features.metrics.measures import BOUNDS, Measure
from app.kit import queue
from app.kit.database import now
from app.kit.mail import recipients
from app.kit.mail.email_message import EmailMessage, EmailState
from app.kit.queue import job_reader
from app.kit.queue.job_reader import State

UNSENT = [EmailState.PENDING, EmailState.SENDING, EmailState.FAILED]
COUNTED = [*UNSENT, EmailState.BOUNCED, EmailState.COMPLAINED]


def text(counts: Counts) -> bytes:
    """Return all metrics, without those of a service that is away."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Everything(counts))
    return generate_latest(registry)


class _Everything(Collector):
    def __init__(self, counts: Counts) -> None:
        self._counts = counts

    def collect(self) -> Iterator[Metric]:
        yield from _of_redis(self._counts)
        yield from _of_database()


def _of_redis(counts: Counts) -> Iterator[Metric]:
    try:
        found = list(_counted(counts.read()))
        if queue.is_configured():
            found += _of_queues()
    except RedisError:
        yield _gauge(measures.REDIS, {(): 0})
        return
    yield _gauge(measures.REDIS, {(): int(queue.is_configured())})
    yield from found


def _counted(amounts: dict[Series, float]) -> Iterator[Metric]:
    for one in measures.COUNTERS:
        counter = CounterMetricFamily(one.name, one.text, labels=one.labels)
        for labels, amount in _labelled(amounts, one, len(one.labels)).items():
            counter.add_metric(labels, amount)
        yield counter
    for one in measures.HISTOGRAMS:
        histogram = HistogramMetricFamily(one.name, one.text, labels=one.labels)
        parts = _labelled(amounts, one, len(one.labels) + 1)
        for labels in sorted({key[:-1] for key in parts}):
            numbers = [parts.get((*labels, str(index)), 0.0) for index in range(len(BOUNDS) + 1)]
            bounds = [*map(str, BOUNDS), "+Inf"]
            buckets = list(zip(bounds, accumulate(numbers), strict=True))
            histogram.add_metric(labels, buckets, parts.get((*labels, "sum"), 0.0))
        yield histogram


def _labelled(amounts: dict[Series, float], one: Measure, labels: int) -> dict[Series, float]:
    """Return the amounts of a metric by the values of its labels."""
    return {
        series[1:]: amount
        for series, amount in sorted(amounts.items())
        if series[0] == one.name and len(series) == labels + 1
    }


def _of_queues() -> Iterator[Metric]:
    found = job_reader.overview()
    at = now()
    yield _gauge(measures.WORKERS, {(): sum(not worker.is_silent(at) for worker in found.workers)})
    lists = {
        (name, str(state)): number
        for name, numbers in found.counts.items()
        for state, number in numbers.items()
    }
    yield _gauge(measures.JOBS, lists)
    waiting = {name: numbers[State.QUEUED] for name, numbers in found.counts.items()}
    ages = {(name,): _age(_first_in(name, number), at) for name, number in waiting.items()}
    yield _gauge(measures.JOB_AGE, ages)


def _first_in(name: str, waiting: int) -> datetime | None:
    """Return when the job that has waited longest was queued."""
    if not waiting:
        return None
    # The list is newest first. A job that a worker takes meanwhile is not found.
    jobs = job_reader.find(State.QUEUED, queue=name, skip=waiting - 1, limit=1).jobs
    return jobs[0].enqueued_at if jobs else None


def _of_database() -> Iterator[Metric]:
    state, needs_operator = EmailMessage.state, EmailMessage.needs_operator
    numbers = select(state, func.count()).where(state.in_(COUNTED)).group_by(state)
    oldest = select(func.min(EmailMessage.created_at)).where(state == EmailState.PENDING)
    stuck = select(func.count()).where(needs_operator, state.in_(UNSENT))
    try:
        mails = {(str(one),): number for one, number in db.session.execute(numbers)}
        age = _age(db.session.scalar(oldest), now())
        waiting = db.session.scalar(stuck) or 0
        suppressed = recipients.count_suppressed()
    except SQLAlchemyError:
        with suppress(SQLAlchemyError):
            db.session.rollback()
        yield _gauge(measures.DATABASE, {(): 0})
        return
    yield _gauge(measures.DATABASE, {(): 1})
    yield _gauge(measures.MAILS, {(str(one),): 0 for one in COUNTED} | mails)
    yield _gauge(measures.MAIL_AGE, {(): age})
    yield _gauge(measures.MAILS_OF_OPERATOR, {(): waiting})
    yield _gauge(measures.SUPPRESSED, {(): suppressed})


def _gauge(one: Measure, values: Mapping[Any, float]) -> Metric:
    gauge = GaugeMetricFamily(one.name, one.text, labels=one.labels)
    for labels, value in values.items():
        gauge.add_metric(labels, value)
    return gauge


def _age(since: datetime | None, at: datetime) -> float:
    return max(0.0, (at - since).total_seconds()) if since else 0.0
