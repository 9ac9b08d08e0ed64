"""Read a page of the list by the first plan that has all of its rows."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from app.extensions import db
from app.features.user_search.services import plans
from app.features.user_search.services.filters import Filters
from app.features.user_search.services.plans import Plan
from app.features.user_search.services.sorting import DEFAULT_SORT
from app.kit.tables import walking
from app.kit.tables.cursors import NotACursor
from app.kit.tables.page import TablePage
from app.kit.tables.table import PER_PAGE
from app.kit.tables.totals import Total
from app.kit.tables.walking import PageAsked
from app.services.user_list import UserRow

WIDTH = len(UserRow._fields)


class _TooMany(Exception):
    """More rows match than the plan gathers, so some are missing."""


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
    for plan in plans.plans_for(filters, sort):
        # If rows are missing, or the cursor has another order, try the next plan.
        with suppress(*([_TooMany, NotACursor] if plan.most is not None else [])):
            place = PageAsked(plan.sort, per_page, after, before, last)
            page = walking.walk(plan.query, plan.parts, place)
            return TablePage(
                [UserRow(*row[:WIDTH]) for row in page.rows],
                _total(plan, page.rows),
                before=page.before,
                after=page.after,
                is_sorted=plan.sort == sort,
            )
    raise RuntimeError("The last way to read a list is one that has all its rows.")


def _total(plan: Plan, rows: Sequence[Any]) -> Total:
    """Return the total. Raises _TooMany if rows are missing."""
    if plan.total is not None:
        return plan.total
    # Each row carries the counts, but an empty list has none.
    read, listed = rows[0][WIDTH : WIDTH + 2] if rows else db.session.execute(plan.counts).one()
    if plan.most is not None and read > plan.most:
        raise _TooMany
    return Total(listed)
