"""Walk the audit trail by id: one index per condition, merged, then filtered by the rest.

Ids grow with time, so each page starts at the id where the previous page ended. A single filter
decides which index to walk. With several filters, the most selective one is walked, a window of
events at a time, and the other filters drop rows. A page may then say that it searched back to a
certain day only; the next page continues there.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select, union, union_all
from sqlalchemy.engine import Row

from app.extensions import db
from app.features.audit.services.searching import Source
from app.kit.tables.totals import Total
from app.models import AuditEvent

# Events to read when several filters are combined: in the first step, and at most in one step.
SMALLEST_WINDOW, LARGEST_WINDOW = 500, 10_000
BUDGET = 0.3  # seconds; after that, a page shows the events found so far
FIRST, LAST = 0, 2**62

LISTED = (
    AuditEvent.id,
    AuditEvent.at,
    AuditEvent.action,
    AuditEvent.actor_id,
    AuditEvent.actor_label,
    AuditEvent.acting_as_id,
    AuditEvent.acting_as_label,
    AuditEvent.subject_type,
    AuditEvent.subject_id,
    AuditEvent.subject_label,
    AuditEvent.address,
    AuditEvent.device,
    AuditEvent.details,
)
# The columns that the conditions of a second filter read.
LOOKED_AT = (
    AuditEvent.action,
    AuditEvent.actor_id,
    AuditEvent.actor_label,
    AuditEvent.acting_as_id,
    AuditEvent.subject_type,
    AuditEvent.subject_id,
    AuditEvent.subject_label,
    AuditEvent.address,
    AuditEvent.request_id,
)


@dataclass(frozen=True)
class Page:
    """Events, newest first. `before` is the cursor of older events, `after` of newer ones.

    If the search stopped early, `searched_to` is the time of the last event that it read.
    """

    rows: Sequence[Row[Any]]
    before: int | None = None
    after: int | None = None
    total: Total | None = None
    searched_to: datetime | None = None
    notices: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Span:
    """The range of ids that a walk may read, both ends included, and the matching times."""

    low: int
    high: int
    first: datetime | None = None
    last: datetime | None = None

    def holds(self, columns: Any) -> list[ColumnElement[bool]]:
        return [columns.id >= self.low, columns.id <= self.high]

    def has(self, at: datetime) -> bool:
        return (self.first is None or at >= self.first) and (self.last is None or at <= self.last)


def older(
    found: list[Source],
    span: Span,
    before: int,
    per_page: int,
    *,
    columns: Sequence[Any] = LISTED,
) -> Page:
    """Walk from an id to smaller ones until the page is full, or events or time run out."""
    rows: list[Row[Any]] = []
    started, window = time.monotonic(), SMALLEST_WINDOW
    while True:
        here = Span(span.low, min(span.high, before - 1), span.first, span.last)
        wanted = per_page + 1 - len(rows)
        step, horizon = _step(found, here, wanted, columns, window=window, newest_first=True)
        rows.extend(step)
        if len(rows) > per_page:
            rows = rows[:per_page]
            kept = [row for row in rows if span.has(row.at)]
            return Page(kept, before=rows[-1].id)
        rows = [row for row in rows if span.has(row.at)]
        if horizon is None:
            return Page(rows)
        before, window = horizon + 1, min(5 * window, LARGEST_WINDOW)
        if time.monotonic() - started > BUDGET:
            return Page(rows, before=before, searched_to=_time_of(horizon))


def newer(found: list[Source], span: Span, after: int, per_page: int) -> Page:
    """Walk from an id to larger ones. The opposite of `older`, but without a time limit."""
    rows: list[Row[Any]] = []
    window = SMALLEST_WINDOW
    while True:
        here = Span(max(span.low, after + 1), span.high, span.first, span.last)
        wanted = per_page + 1 - len(rows)
        step, horizon = _step(found, here, wanted, LISTED, window=window, newest_first=False)
        rows.extend(step)
        if len(rows) > per_page or horizon is None:
            break
        after, window = horizon - 1, min(5 * window, LARGEST_WINDOW)
    has_more = len(rows) > per_page
    rows = [row for row in reversed(rows[:per_page]) if span.has(row.at)]
    if not rows:
        return older(found, span, LAST, per_page)
    return Page(rows, before=rows[-1].id, after=rows[0].id if has_more else None)


def _step(
    found: list[Source],
    span: Span,
    count: int,
    columns: Sequence[Any],
    *,
    window: int,
    newest_first: bool,
) -> tuple[list[Row[Any]], int | None]:
    """Return up to `count` events that are in all of `found`, in order.

    The second value is the id at which the walk had to stop, or None if it reached the end.
    """
    if not all(source.conditions for source in found):
        return [], None
    horizon = None
    walked, others = (found[0] if found else None), found[1:]
    if others:
        ends = [_horizon(source, span, window, newest_first=newest_first) for source in found]
        # The most selective source: a window of its events spans the most ids.
        best = _furthest(ends, newest_first=newest_first)
        walked, horizon = found[best], ends[best]
        others = [source for source in found if source is not walked]
    if horizon is not None:
        low, high = (horizon + 1, span.high) if newest_first else (span.low, horizon - 1)
        span = Span(low, high, span.first, span.last)
    queries = [
        _closed(query, others, window, newest_first=newest_first).limit(count)
        for query in walks(walked, span, newest_first=newest_first)
    ]
    ids = select(merged(queries, walked).c.id.label("id")).subquery()
    first = select(ids.c.id).order_by(_order(ids.c.id, newest_first)).limit(count)
    query = select(*columns).where(AuditEvent.id.in_(first.scalar_subquery()))
    rows = db.session.execute(query.order_by(_order(AuditEvent.id, newest_first))).all()
    return list(rows), horizon


def walks(walked: Source | None, span: Span, *, newest_first: bool | None) -> list[Select[Any]]:
    """Return a query for each condition of a source. Each query walks its own index."""
    everything = select(AuditEvent.id).where(*span.holds(AuditEvent))
    if newest_first is not None:
        everything = everything.order_by(_order(AuditEvent.id, newest_first))
    if walked is None:
        return [everything]
    return [everything.where(condition(AuditEvent)) for condition in walked.conditions]


def _closed(
    query: Select[Any], others: list[Source], window: int, *, newest_first: bool
) -> Select[Any]:
    """Return a walk without the events that other sources exclude.

    The limit of the inner query stops the planner from walking another index instead.
    """
    if not others:
        return query
    inner = query.add_columns(*LOOKED_AT).limit(window).subquery()
    query = select(inner.c.id).where(*(other.holds(inner.c) for other in others))
    return query.order_by(_order(inner.c.id, newest_first))


def merged(queries: Sequence[Select[Any]], walked: Source | None) -> Any:
    parts = [select(query.subquery().c.id) for query in queries]
    if len(parts) == 1:
        return parts[0].subquery()
    both = union_all if walked is not None and walked.is_disjoint else union
    return both(*parts).subquery()


def _horizon(source: Source, span: Span, window: int, *, newest_first: bool) -> int | None:
    """Return the id up to which no condition of a source exceeds a window of events.

    None means that every condition fits into one window.
    """
    ends = [
        select(query.offset(window).limit(1).scalar_subquery().label("id"))
        for query in walks(source, span, newest_first=newest_first)
    ]
    ids = union_all(*ends).subquery().c.id
    return db.session.scalar(select(func.max(ids) if newest_first else func.min(ids)))


def _furthest(ends: list[int | None], *, newest_first: bool) -> int:
    if None in ends:
        return ends.index(None)
    known = [end for end in ends if end is not None]
    return ends.index(min(known) if newest_first else max(known))


def _order(column: Any, newest_first: bool) -> Any:
    return column.desc() if newest_first else column.asc()


def _time_of(event_id: int) -> datetime | None:
    return db.session.scalar(select(AuditEvent.at).where(AuditEvent.id == event_id))
