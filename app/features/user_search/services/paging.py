"""Read a page of the list by a cursor (keyset pagination), without OFFSET.

So the page with the millionth row costs as much as the first page.
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
from app.kit.tables.page import TablePage
from app.kit.tables.table import PER_PAGE
from app.kit.tables.totals import Total
from app.services.user_list import UserRow


class _TooMany(Exception):
    """More rows match than the plan gathers, so some are missing."""


@dataclass
class _Walked:
    """The rows that were read, each with its segment, and the total if it is known."""

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
) -> TablePage:
    """Return the first page, the last page, or the page after or before a cursor.

    `sort` is one of SORTS, with a leading minus for descending order. Raises NotACursor.
    """
    for plan in plans.ways(filters, sort):
        # If rows are missing, or the cursor has another order, try the next plan.
        with suppress(*([_TooMany, NotACursor] if plan.most is not None else [])):
            start, is_backwards = None, last
            if after or before:
                kinds = {segment.name: segment.kinds() for segment in plan.segments}
                start = cursors.read(after or before, sort=plan.sort, kinds=kinds)
                is_backwards = not after
            page = _page(plan, start, per_page, is_backwards=is_backwards)
            return replace(page, is_sorted=plan.sort == sort)
    raise RuntimeError("The last way to read a list is one that has all its rows.")


def _page(plan: Plan, start: Cursor | None, per_page: int, *, is_backwards: bool) -> TablePage:
    """Return a page. Raises _TooMany if rows are missing."""
    walked = _walk(plan, start, per_page + 1, is_backwards=is_backwards)
    too_few = len(walked.rows) <= per_page if is_backwards else not walked.rows
    if start is not None and too_few:
        # The end of the list is reached, so return a full first or last page.
        start, is_backwards = None, not is_backwards
        walked = _walk(plan, start, per_page + 1, is_backwards=is_backwards)
    rows, has_more = walked.rows[:per_page], len(walked.rows) > per_page
    if is_backwards:
        rows.reverse()
    is_inside = start is not None
    has_before, has_after = (has_more, is_inside) if is_backwards else (is_inside, has_more)
    return TablePage(
        rows=[row for _segment, row in rows],
        total=walked.total or _count(plan),
        before=_cursor(plan, *rows[0]) if has_before else None,
        after=_cursor(plan, *rows[-1]) if has_after else None,
    )


def _walk(plan: Plan, start: Cursor | None, count: int, *, is_backwards: bool) -> _Walked:
    """Return up to `count` rows after `start`, in the direction of the walk."""
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
    """Return the total if no row carried it, which usually means an empty list."""
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
