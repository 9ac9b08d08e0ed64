"""Export the result of an operation as CSV, one line per user."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import select

from app.extensions import db
from app.features.bulk.models import BulkItem, BulkOperation, BulkState
from app.features.bulk.services.actions import ACTIONS, REASONS
from app.kit import audit
from app.kit.tables.csv_cells import escape_formula, written
from app.models import User

CHUNK = 2000
HEADERS = ("Number", "First name", "Last name", "Email", "Result", "Reason")


def result_file(operation: BulkOperation, *, by: User) -> Iterator[str]:
    """Record the download, and return the chunks of a CSV file with every user."""
    audit.record_download("bulk.downloaded", by=by, subject=operation, label=operation.action)
    # Read here, because the lines are generated after the request and its session have ended.
    is_finished = operation.state == BulkState.FINISHED
    done = ACTIONS[operation.action].done
    if role := operation.parameters.get("role_name"):
        done = f"{done} {role}"
    return _pieces(operation.id, None if is_finished else operation.position, done)


def _pieces(operation_id: int, position: int | None, done: str) -> Iterator[str]:
    yield _lines([HEADERS])
    after = 0
    while rows := _chunk(operation_id, after):
        after = rows[-1][0]
        yield _lines(
            [user_id, *(part or "" for part in person), *_result(user_id, reason, position, done)]
            for user_id, reason, *person in rows
        )


def _chunk(operation_id: int, after: int) -> Sequence[Any]:
    query = (
        select(BulkItem.user_id, BulkItem.reason, User.first_name, User.last_name, User.email)
        .outerjoin(User, User.id == BulkItem.user_id)
        .where(BulkItem.operation_id == operation_id, BulkItem.user_id > after)
        .order_by(BulkItem.user_id)
        .limit(CHUNK)
    )
    rows = db.session.execute(query).all()
    # End the transaction while the file is sent; SQLite could not checkpoint its WAL otherwise.
    db.session.commit()
    return rows


def _result(user_id: int, reason: str, position: int | None, done: str) -> tuple[str, str]:
    if reason:
        return "left out", REASONS.get(reason, reason)
    if position is None or user_id <= position:
        return done, ""
    return "not yet", ""


def _lines(rows: Any) -> str:
    return written([escape_formula(str(cell)) for cell in row] for row in rows)
