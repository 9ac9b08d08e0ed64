"""Export the result of a bulk operation as CSV, one line per row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import select

from app.extensions import db
from app.kit.audit.downloads import record_download
from app.kit.audit.event import Actor
from app.kit.operations.kinds import Kind, kind_of
from app.kit.operations.models import BulkColumns, ItemColumns
from app.kit.tables.csv_cells import escape_formula, written

CHUNK = 2000


def result_file(operation: BulkColumns, *, by: Actor) -> Iterator[str]:
    """Record the download, and return the chunks of a CSV file with every row."""
    kind = kind_of(operation)
    name = kind.event(operation, "downloaded")
    record_download(name, by=by, subject=operation, label=operation.action)
    # Read here, because the lines are generated after the request and its session have ended.
    return _pieces(kind, operation.item, operation.id, operation.done_to, kind.done(operation))


def _pieces(
    kind: Kind, item: type[ItemColumns], operation_id: int, done_to: int, done: str
) -> Iterator[str]:
    yield _lines([["Number", *kind.headers, "Result", "Reason"]])
    unknown = [""] * len(kind.headers)
    after = 0
    while rows := _chunk(item, operation_id, after):
        after = rows[-1][0]
        described = kind.described([row_id for row_id, _reason in rows])
        # End the transaction while the file is sent; SQLite could not checkpoint its WAL otherwise.
        db.session.commit()
        yield _lines(
            [
                row_id,
                *described.get(row_id, unknown),
                *_result(kind, row_id, reason, done_to, done),
            ]
            for row_id, reason in rows
        )


def _chunk(item: type[ItemColumns], operation_id: int, after: int) -> Sequence[Any]:
    query = select(item.row_id, item.reason).where(
        item.operation_id == operation_id, item.row_id > after
    )
    return db.session.execute(query.order_by(item.row_id).limit(CHUNK)).all()


def _result(kind: Kind, row_id: int, reason: str, done_to: int, done: str) -> tuple[str, str]:
    if reason:
        return "left out", kind.reasons.get(reason, reason)
    return (done if row_id <= done_to else "not yet"), ""


def _lines(rows: Any) -> str:
    return written([escape_formula(str(cell)) for cell in row] for row in rows)
