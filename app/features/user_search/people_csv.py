"""Export the list of users as CSV, in its order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import select

from app.features.user_search.services import sorting, totals
from app.features.user_search.services.filters import Filters
from app.kit.audit.downloads import record_download
from app.kit.tables import csv_queries, ordering
from app.kit.tables.asked import Asked
from app.models import Role, User

COLUMNS: dict[str, Any] = {
    "Email": User.email,
    "First name": User.first_name,
    "Last name": User.last_name,
    "Role": Role.name,
    "Status": User.stored_status,
    "Joined (UTC)": User.created_at,
    "Last seen (UTC)": User.last_seen_at,
}


def export(asked: Asked, *, by: User) -> Iterator[bytes]:
    """Record the download, and return the users that match as pieces of a CSV file."""
    filters = Filters.of(asked)
    details: dict[str, Any] = {"filter": asked.narrowing(), "sort": asked.sort}
    if (count := totals.capped(filters)) <= totals.CAP:
        details["people"] = count
    record_download("user.exported", by=by, **details)
    rows = (
        select(*COLUMNS.values())
        .select_from(User)
        .outerjoin(User.role)
        .where(*filters.conditions())
        .order_by(*ordering.whole(sorting.parts(asked.sort, filters)))
    )
    return csv_queries.pieces(rows, list(COLUMNS))
