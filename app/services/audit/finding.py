"""Finding events, newest first, in the time that one page takes: however many there are.

An id stands for a time, so every list is walked by id, from where the page before it ended. One
filter names the index that is walked. Of several the one that narrows most is walked, a window of
events at a time, and what the others leave out is dropped: a page may then say that it has looked
back to some day only, and go on from there.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from datetime import time as time_of_day
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select, union, union_all
from sqlalchemy.engine import Row

from app.extensions import db
from app.models import AuditEvent, User
from app.services.audit import searching
from app.services.audit.filters import Filters
from app.services.audit.searching import Source

PER_PAGE = 50
COUNT_CAP = 10_000  # beyond this an exact total costs more than it is worth
MOST_COUNTED = 12  # conditions that a total is counted for
PART = 2_000  # events that an export reads at once
# Events that are looked at when several filters meet: at first, and in one step at most.
SMALLEST_WINDOW, LARGEST_WINDOW = 500, 10_000
BUDGET = 0.3  # seconds after which a page is shown with what has been found
# Events that are noted at the same time may have their ids in another order: as many of them as
# are looked at to find where a day begins.
OUT_OF_ORDER = 1_000

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
# What conditions of a second filter are asked about.
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
class Total:
    """How many events there are: exactly, about, or more than `count`."""

    count: int
    is_capped: bool = False
    is_estimate: bool = False


@dataclass(frozen=True)
class Page:
    """Events, newest first. `before` is the cursor of the older ones, `after` of the newer ones.

    `searched_to` is when the last event happened that was looked at, if not all could be.
    """

    rows: Sequence[Row[Any]]
    before: int | None = None
    after: int | None = None
    total: Total | None = None
    searched_to: datetime | None = None
    notices: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Span:
    """The ids that a walk may meet, both ends included, and the times that go with them."""

    low: int
    high: int
    first: datetime | None = None
    last: datetime | None = None

    def holds(self, columns: Any) -> list[ColumnElement[bool]]:
        return [columns.id >= self.low, columns.id <= self.high]

    def has(self, at: datetime) -> bool:
        return (self.first is None or at >= self.first) and (self.last is None or at <= self.last)


def find(
    filters: Filters,
    *,
    before: int | None = None,
    after: int | None = None,
    per_page: int = PER_PAGE,
) -> Page:
    """Return the newest events, those before the event with an id, or those after one."""
    found, notices = searching.sources(filters)
    span = _span(filters)
    if after is not None:
        page = _newer(found, span, after, per_page)
    else:
        page = _older(found, span, LAST if before is None else before, per_page)
        # Whoever came from a newer page can go back to it.
        if before is not None and page.rows:
            page = _with(page, after=page.rows[0].id)
    total = None
    if before is None and after is None:
        total = _total(found, span, page, is_narrowed=not filters.is_empty)
    return _with(page, total=total, notices=notices)


def get(event_id: int) -> AuditEvent | None:
    """Return one event with all that it tells."""
    return db.session.get(AuditEvent, event_id)


def same_request(event: AuditEvent, limit: int = 20) -> Sequence[Row[Any]]:
    """Return the other events of an event's request."""
    if not event.request_id:
        return []
    source = Source((searching.equal("request_id", event.request_id),))
    rows = _older([source], _Span(FIRST, LAST), LAST, limit).rows
    return [row for row in rows if row.id != event.id]


def about_user(user: User, limit: int = 10) -> Sequence[Row[Any]]:
    """Return the newest events of what a person did and what was done to or as them."""
    return find(Filters(user_id=user.id), per_page=limit).rows


def activity(user: User, *, before: int | None = None, per_page: int = PER_PAGE) -> Page:
    """Return what happened to someone's account, for themselves to see."""
    source = Source(tuple(searching.about_person(user.id)))
    return _older([source], _Span(FIRST, LAST), LAST if before is None else before, per_page)


def every(filters: Filters, *, until: int, columns: Sequence[Any]) -> Iterator[Sequence[Row[Any]]]:
    """Yield all events up to the one with the id `until`, newest first, some at a time."""
    found, _ = searching.sources(filters)
    span = _span(filters)
    before: int | None = until + 1
    while before is not None:
        page = _older(found, span, before, PART, columns=columns)
        yield page.rows
        before = page.before


def newest_id() -> int:
    return db.session.scalar(select(func.max(AuditEvent.id))) or 0


# Where a day begins


def _span(filters: Filters) -> _Span:
    first = last = None
    low, high = FIRST, LAST
    if filters.first:
        first = datetime.combine(filters.first, time_of_day.min, UTC)
        nearest = select(AuditEvent.id).where(AuditEvent.at >= first)
        nearest = nearest.order_by(AuditEvent.at, AuditEvent.id).limit(OUT_OF_ORDER)
        low = _scalar(select(func.min(nearest.subquery().c.id)), LAST)
    if filters.last:
        last = datetime.combine(filters.last, time_of_day.min, UTC) + timedelta(
            days=1, microseconds=-1
        )
        nearest = select(AuditEvent.id).where(AuditEvent.at <= last)
        nearest = nearest.order_by(AuditEvent.at.desc(), AuditEvent.id.desc()).limit(OUT_OF_ORDER)
        high = _scalar(select(func.max(nearest.subquery().c.id)), FIRST)
    return _Span(low, high, first, last)


def _scalar(query: Select[Any], default: int) -> int:
    found: int | None = db.session.scalar(query)
    return default if found is None else found


# Walking


def _older(
    found: list[Source],
    span: _Span,
    before: int,
    per_page: int,
    *,
    columns: Sequence[Any] = LISTED,
) -> Page:
    """Walk from an id to smaller ones until a page is full, there are no more, or time is up."""
    rows: list[Row[Any]] = []
    started, window = time.monotonic(), SMALLEST_WINDOW
    while True:
        here = _Span(span.low, min(span.high, before - 1), span.first, span.last)
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


def _newer(found: list[Source], span: _Span, after: int, per_page: int) -> Page:
    """Walk from an id to larger ones, as `_older` does the other way."""
    rows: list[Row[Any]] = []
    window = SMALLEST_WINDOW
    while True:
        here = _Span(max(span.low, after + 1), span.high, span.first, span.last)
        wanted = per_page + 1 - len(rows)
        step, horizon = _step(found, here, wanted, LISTED, window=window, newest_first=False)
        rows.extend(step)
        if len(rows) > per_page or horizon is None:
            break
        after, window = horizon - 1, min(5 * window, LARGEST_WINDOW)
    has_more = len(rows) > per_page
    rows = [row for row in reversed(rows[:per_page]) if span.has(row.at)]
    if not rows:
        return _older(found, span, LAST, per_page)
    return Page(rows, before=rows[-1].id, after=rows[0].id if has_more else None)


def _step(
    found: list[Source],
    span: _Span,
    count: int,
    columns: Sequence[Any],
    *,
    window: int,
    newest_first: bool,
) -> tuple[list[Row[Any]], int | None]:
    """Return up to `count` events that are in all of `found`, in order.

    Also the id of the last one that could be looked at, if that is where the walk had to end.
    """
    if not all(source.conditions for source in found):
        return [], None
    horizon = None
    walked, others = (found[0] if found else None), found[1:]
    if others:
        ends = [_horizon(source, span, window, newest_first=newest_first) for source in found]
        # The one of which so many events reach furthest.
        best = _furthest(ends, newest_first=newest_first)
        walked, horizon = found[best], ends[best]
        others = [source for source in found if source is not walked]
    if horizon is not None:
        low, high = (horizon + 1, span.high) if newest_first else (span.low, horizon - 1)
        span = _Span(low, high, span.first, span.last)
    queries = [
        _closed(query, others, window, newest_first=newest_first).limit(count)
        for query in _walks(walked, span, newest_first=newest_first)
    ]
    ids = select(_merged(queries, walked).c.id.label("id")).subquery()
    first = select(ids.c.id).order_by(_order(ids.c.id, newest_first)).limit(count)
    query = select(*columns).where(AuditEvent.id.in_(first.scalar_subquery()))
    rows = db.session.execute(query.order_by(_order(AuditEvent.id, newest_first))).all()
    return list(rows), horizon


def _walks(walked: Source | None, span: _Span, *, newest_first: bool | None) -> list[Select[Any]]:
    """Return a query for each condition of a source, which walks an index of its own."""
    everything = select(AuditEvent.id).where(*span.holds(AuditEvent))
    if newest_first is not None:
        everything = everything.order_by(_order(AuditEvent.id, newest_first))
    if walked is None:
        return [everything]
    return [everything.where(condition(AuditEvent)) for condition in walked.conditions]


def _closed(
    query: Select[Any], others: list[Source], window: int, *, newest_first: bool
) -> Select[Any]:
    """Return a walk with what is not in other sources dropped.

    It is closed off by its limit, so that the database walks no other index instead.
    """
    if not others:
        return query
    inner = query.add_columns(*LOOKED_AT).limit(window).subquery()
    query = select(inner.c.id).where(*(other.holds(inner.c) for other in others))
    return query.order_by(_order(inner.c.id, newest_first))


def _merged(queries: Sequence[Select[Any]], walked: Source | None) -> Any:
    parts = [select(query.subquery().c.id) for query in queries]
    if len(parts) == 1:
        return parts[0].subquery()
    both = union_all if walked is not None and walked.is_disjoint else union
    return both(*parts).subquery()


def _horizon(source: Source, span: _Span, window: int, *, newest_first: bool) -> int | None:
    """Return the id before which no condition of a source has more events than a window holds."""
    ends = [
        select(query.offset(window).limit(1).scalar_subquery().label("id"))
        for query in _walks(source, span, newest_first=newest_first)
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


# Counting


def _total(found: list[Source], span: _Span, page: Page, *, is_narrowed: bool) -> Total | None:
    """Return how many events there are, where that is quickly told."""
    if page.before is None:
        return Total(len(page.rows))
    if not is_narrowed:
        # Ids are given out one after the other, and the oldest events are deleted first.
        low = select(func.min(AuditEvent.id)).scalar_subquery()
        high = select(func.max(AuditEvent.id)).scalar_subquery()
        return Total(db.session.scalar(select(high - low + 1)) or 0, is_estimate=True)
    walked = found[0] if found else None
    if len(found) > 1 or (walked and len(walked.conditions) > MOST_COUNTED):
        return None
    queries = [query.limit(COUNT_CAP + 1) for query in _walks(walked, span, newest_first=None)]
    ids = select(_merged(queries, walked).c.id).limit(COUNT_CAP + 1).subquery()
    count = db.session.scalar(select(func.count()).select_from(ids)) or 0
    return Total(min(count, COUNT_CAP), is_capped=count > COUNT_CAP)


def _with(page: Page, **values: Any) -> Page:
    return Page(**{**vars(page), **values})
