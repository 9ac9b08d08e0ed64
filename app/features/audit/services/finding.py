"""Find events, newest first, a page at a time, in constant time for any number of events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from datetime import time as time_of_day
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.engine import Row

from app.extensions import db
from app.features.audit.services import searching
from app.features.audit.services.filters import EventFilters
from app.features.audit.services.searching import Source
from app.features.audit.services.walking import (
    FIRST,
    LAST,
    LISTED,
    Page,
    Span,
    merged,
    newer,
    older,
    walks,
)
from app.kit.tables import totals
from app.kit.tables.totals import Total
from app.models import AuditEvent, User

PER_PAGE = 50
OF_A_REQUEST, OF_A_USER = 20, 10  # events beside an event, and on the page of a user
COUNT_CAP = 10_000  # beyond this an exact total costs more than it is worth
MOST_COUNTED = 12  # conditions; with more, no total is counted
PART = 2_000  # events that an export reads at once
# Ids of events recorded at the same time may be out of order. To find where a day begins, this
# many events are read.
OUT_OF_ORDER = 1_000


def find(
    filters: EventFilters,
    *,
    before: int | None = None,
    after: int | None = None,
    per_page: int = PER_PAGE,
) -> Page:
    """Return a page of events: the newest, or those before or after the event with an id."""
    found, notices = searching.sources(filters)
    span = _span(filters)
    if after is not None:
        page = newer(found, span, after, per_page)
    else:
        page = older(found, span, LAST if before is None else before, per_page)
        # The request came from a newer page, so link back to it.
        if before is not None and page.rows:
            page = replace(page, after=page.rows[0].id)
    total = None
    if before is None and after is None:
        total = _total(found, span, page, is_narrowed=not filters.is_empty)
    return replace(page, total=total, notices=notices)


def newest(limit: int) -> Sequence[Row[Any]]:
    """Return the newest events, in the order of the primary key."""
    query = select(*LISTED).order_by(AuditEvent.id.desc())
    return db.session.execute(query.limit(limit)).all()


def same_request(event: AuditEvent) -> Sequence[Row[Any]]:
    """Return the other events of the same HTTP request."""
    if not event.request_id:
        return []
    source = Source((searching.equal("request_id", event.request_id),))
    rows = older([source], Span(FIRST, LAST), LAST, OF_A_REQUEST).rows
    return [row for row in rows if row.id != event.id]


def about_user(user: User) -> Sequence[Row[Any]]:
    """Return the newest events with a user as actor, impersonated user or subject.

    Each row has its changes. The total is not counted.
    """
    source = Source(tuple(searching.of_person(user.id)))
    columns = (*LISTED, AuditEvent.changes)
    return older([source], Span(FIRST, LAST), LAST, OF_A_USER, columns=columns).rows


def activity(user: User, *, before: int | None = None, per_page: int = PER_PAGE) -> Page:
    """Return a page of the events on a user's account, for the user's own activity page."""
    source = Source(tuple(searching.about_person(user.id)))
    return older([source], Span(FIRST, LAST), LAST if before is None else before, per_page)


def every(
    filters: EventFilters, *, until: int, columns: Sequence[Any]
) -> Iterator[Sequence[Row[Any]]]:
    """Yield all events up to the id `until` in parts, newest first."""
    found, _ = searching.sources(filters)
    span = _span(filters)
    before: int | None = until + 1
    while before is not None:
        page = older(found, span, before, PART, columns=columns)
        yield page.rows
        before = page.before


def newest_id() -> int:
    return db.session.scalar(select(func.max(AuditEvent.id))) or 0


# Where a day begins


def _span(filters: EventFilters) -> Span:
    first = last = None
    low, high = FIRST, LAST
    if filters.first:
        first = datetime.combine(filters.first, time_of_day.min, UTC)
        nearest = select(AuditEvent.id).where(AuditEvent.at >= first)
        nearest = nearest.order_by(AuditEvent.at, AuditEvent.id).limit(OUT_OF_ORDER)
        low = _scalar(select(func.min(nearest.subquery().c.id)), LAST)
    if filters.last:
        last = datetime.combine(filters.last, time_of_day.max, UTC)
        nearest = select(AuditEvent.id).where(AuditEvent.at <= last)
        nearest = nearest.order_by(AuditEvent.at.desc(), AuditEvent.id.desc()).limit(OUT_OF_ORDER)
        high = _scalar(select(func.max(nearest.subquery().c.id)), FIRST)
    return Span(low, high, first, last)


def _scalar(query: Select[Any], default: int) -> int:
    found: int | None = db.session.scalar(query)
    return default if found is None else found


# Counting


def _total(found: list[Source], span: Span, page: Page, *, is_narrowed: bool) -> Total | None:
    """Return the number of events, or None when counting is too slow."""
    if page.before is None:
        return Total(len(page.rows))
    if not is_narrowed:
        # Ids are sequential, and the oldest events are deleted first.
        low = select(func.min(AuditEvent.id)).scalar_subquery()
        high = select(func.max(AuditEvent.id)).scalar_subquery()
        return totals.about(db.session.scalar(select(high - low + 1)) or 0)
    walked = found[0] if found else None
    if len(found) > 1 or (walked and len(walked.conditions) > MOST_COUNTED):
        return None
    queries = [query.limit(COUNT_CAP + 1) for query in walks(walked, span, newest_first=None)]
    ids = select(merged(queries, walked).c.id).limit(COUNT_CAP + 1).subquery()
    count = db.session.scalar(select(func.count()).select_from(ids)) or 0
    return Total(count) if count <= COUNT_CAP else Total(COUNT_CAP, "more")
