"""A page of the list: what follows a row or comes before it, never how many to skip.

So the page of the millionth row costs what the first does.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from sqlalchemy import select

from app.extensions import db
from app.features.user_search.services import plans
from app.features.user_search.services.filters import Filters
from app.features.user_search.services.plans import Plan
from app.features.user_search.services.sorting import DEFAULT_SORT, Segment
from app.kit.tables import cursors
from app.kit.tables.cursors import Cursor, NotACursor
from app.services.user_list import PER_PAGE, Total, UserPage, UserRow

PER_PAGE_CHOICES = (25, 50, 100)


class _TooMany(Exception):
    """Rows are missing: there are more than a plan gathers."""


@dataclass
class _Walked:
    """Rows as they were met, each with the segment it is in."""

    rows: list[tuple[Segment, UserRow]]
    total: Total | None


def find(
    filters: Filters,
    *,
    sort: str = DEFAULT_SORT,
    per_page: int = PER_PAGE,
    after: str = "",
    before: str = "",
    last: bool = False,
) -> UserPage:
    """Return the first page, the last, or the one after or before a cursor.

    `sort` is one of SORTS, with a minus in front for the other direction. Raises NotACursor.
    """
    for plan in plans.ways(filters, sort):
        # Where rows are missing, or have another order than the cursor, the next way is taken.
        with suppress(*([_TooMany, NotACursor] if plan.most is not None else [])):
            start, is_backwards = None, last
            if after or before:
                kinds = {segment.name: segment.kinds() for segment in plan.segments}
                start = cursors.read(after or before, sort=plan.sort, kinds=kinds)
                is_backwards = not after
            page = _page(plan, start, per_page, is_backwards=is_backwards)
            return replace(page, is_sorted=plan.sort == sort)
    raise RuntimeError("The last way to read a list is one that has all its rows.")


def _page(plan: Plan, start: Cursor | None, per_page: int, *, is_backwards: bool) -> UserPage:
    """Return a page. Raises _TooMany if rows are missing."""
    walked = _walk(plan, start, per_page + 1, is_backwards=is_backwards)
    too_few = len(walked.rows) <= per_page if is_backwards else not walked.rows
    if start is not None and too_few:
        # Nothing is left beyond: this is the first page, or the last, and is to be full.
        start, is_backwards = None, not is_backwards
        walked = _walk(plan, start, per_page + 1, is_backwards=is_backwards)
    rows, has_more = walked.rows[:per_page], len(walked.rows) > per_page
    if is_backwards:
        rows.reverse()
    is_inside = start is not None
    has_before, has_after = (has_more, is_inside) if is_backwards else (is_inside, has_more)
    return UserPage(
        rows=[row for _segment, row in rows],
        total=walked.total or _count(plan),
        per_page=per_page,
        before=_cursor(plan, *rows[0]) if has_before else None,
        after=_cursor(plan, *rows[-1]) if has_after else None,
    )


def _walk(plan: Plan, start: Cursor | None, count: int, *, is_backwards: bool) -> _Walked:
    """Return up to `count` rows from `start` on, in the order in which they are met."""
    walked = _Walked([], plan.total)
    segments = plan.segments[::-1] if is_backwards else plan.segments
    if start is not None:
        names = [segment.name for segment in segments]
        segments = segments[names.index(start.segment) :]
    width = len(UserRow._fields)
    for segment in segments:
        missing = count - len(walked.rows)
        part = plan.part(segment, start, missing, is_backwards=is_backwards)
        for row in db.session.execute(part, plan.parameters):
            if walked.total is None:
                walked.total = _total(plan, row[width:])
            walked.rows.append((segment, UserRow(*row[:width])))
        if len(walked.rows) == count:
            break
    return walked


def _count(plan: Plan) -> Total:
    """Return the total where no row has brought it along: mostly none."""
    counts = select(*plan.counts).add_cte(*plan.ctes)
    return _total(plan, db.session.execute(counts, plan.parameters).one())


def _total(plan: Plan, counts: Sequence[int]) -> Total:
    looked_at, listed = counts
    if plan.most is not None and looked_at > plan.most:
        raise _TooMany
    return Total(listed)


def _cursor(plan: Plan, segment: Segment, row: UserRow) -> str:
    values = tuple(getattr(row, key) for key in segment.keys)
    return cursors.write(plan.sort, Cursor(segment.name, values))
