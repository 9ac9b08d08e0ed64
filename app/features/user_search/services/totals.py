"""Count the users of a list: exactly while that is cheap, otherwise by an estimate."""

from __future__ import annotations

import json
import time
from typing import Any

from sqlalchemy import CompoundSelect, Select, func, literal_column, select, text

from app.extensions import db, is_sqlite
from app.features.user_search.services import matching
from app.features.user_search.services.filters import Filters
from app.kit.tables.totals import Total, about
from app.models import User

CAP = 10_000  # beyond this, an exact total costs more than it is worth
FEWEST = 100  # rows; a filter that leaves so few is used without looking at the others
FEW = 1_000  # matches of a search to sort; more come in the order of their index
KEPT = 60 * 60  # seconds; the lifetime of SQLite's count of all users

_kept: dict[str, tuple[float, int, int]] = {}


def of_served(filters: Filters) -> Total:
    """Return the total of a list with filters that one index serves."""
    if filters.is_empty:
        return _of_everyone()
    if is_sqlite():
        count = capped(filters)
        return Total(count) if count <= CAP else Total(CAP, "more")
    return of_expected(filters, expected(filters))


def of_rarest(filters: Filters) -> tuple[str, Total]:
    """Return the filter that leaves the fewest users, or "" if each leaves too many to sort.

    The total is meaningful only with "". This is for SQLite, which has no statistics.
    """
    most = FEW if filters.names & {"search", "start"} else CAP
    total = Total(0, "more")
    sizes: dict[str, int] = {}
    for name in sorted(filters.names):
        if name == "search":
            sizes[name], many = _in_trigrams(filters.search)
            if filters.names == {name} and sizes[name] > FEW:
                # The index also has deleted users.
                total = about(many) if sizes[name] > CAP else Total(capped(filters))
        elif name == "start":
            sizes[name] = _count(matching.beginnings(matching.short_words(filters.search)[0]), FEW)
        else:
            sizes[name] = capped(filters.only(name))
        if sizes[name] <= FEWEST:
            break
    rarest = min(sizes, key=lambda name: sizes[name])
    return (rarest if sizes[rarest] <= most else ""), total


def _of_everyone() -> Total:
    """Return the number of all users, without reading every row of a large table."""
    if is_sqlite():
        count = _count_now_and_then()
        return Total(count) if count <= CAP else about(count)
    # The count of the last VACUUM or ANALYZE, or -1 before the first.
    seen = db.session.scalar(
        text("SELECT reltuples::bigint FROM pg_class WHERE oid = 'users'::regclass")
    )
    return of_expected(Filters(), seen if seen and seen > 2 * CAP else expected(Filters()))


def capped(filters: Filters) -> int:
    """Return the number of users under `filters`, or CAP + 1 for more than CAP."""
    return _count(select(literal_column("1")).where(*filters.conditions()), CAP)


def _count(rows: Select[Any] | CompoundSelect[Any], cap: int) -> int:
    counted = rows.limit(cap + 1).subquery()
    return db.session.scalar(select(func.count()).select_from(counted)) or 0


def of_expected(filters: Filters, many: int) -> Total:
    """Return the exact total, or an estimate if there are more than CAP.

    `many` is the estimate of PostgreSQL.
    """
    if many > 2 * CAP:
        return about(many)
    count = capped(filters)
    return Total(count) if count <= CAP else about(max(count, many))


def expected(filters: Filters) -> int:
    """Return the number of users under `filters` that PostgreSQL's planner expects."""
    connection = db.session.connection()
    compiled = select(User.id).where(*filters.conditions()).compile(connection)
    plan = connection.exec_driver_sql(
        f"EXPLAIN (FORMAT JSON) {compiled.string}", compiled.construct_params()
    )
    found = plan.scalar()
    read = json.loads(found) if isinstance(found, str) else found
    return int(read[0]["Plan"]["Plan Rows"])  # type: ignore[index]


def _in_trigrams(search: str) -> tuple[int, int]:
    """Return the number of matches in SQLite's index, up to CAP + 1, and an estimate of all.

    The index has its rows in the order of ids, so the range of ids of the first CAP matches gives
    the estimate.
    """
    newest = matching.matches(search).order_by(matching.trigrams.c.rowid.desc()).limit(CAP + 1)
    found = newest.subquery()
    count, lowest = db.session.execute(
        select(func.count(), func.min(found.c.rowid)).select_from(found)
    ).one()
    if count <= FEW:
        return count, count
    highest = _newest_id()
    return count, max(count, int(count * highest / max(1, highest - lowest + 1)))


def _count_now_and_then() -> int:
    """Return the number of users on SQLite, which has no estimate of its own.

    A large table is counted once in KEPT seconds. In between, the number of new ids is added.
    """
    key = str(db.engine.engine.url)
    if kept := _kept.get(key):
        at, count, highest = kept
        newest = _newest_id()
        if newest >= highest and time.monotonic() - at <= KEPT:
            return count + newest - highest
    counted = select(func.count()).select_from(User).where(User.deleted_at.is_(None))
    count = db.session.scalar(counted) or 0
    _kept.pop(key, None)  # A small table is counted each time.
    if count > CAP:
        _kept[key] = time.monotonic(), count, _newest_id()
    return count


def _newest_id() -> int:
    return db.session.scalar(select(func.max(User.id))) or 0
