"""Save previews of bulk operations: the rows to process, and the rows left out and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    CursorResult,
    Integer,
    Select,
    and_,
    delete,
    func,
    insert,
    literal,
    select,
    text,
)

from app.extensions import db, is_sqlite
from app.kit.database.postgresql import patience
from app.kit.operations.kinds import kind_of
from app.kit.operations.models import BulkColumns, OperationState

MOST_PICKED = 1000
MOST_PREVIEWS = 5  # unconfirmed previews per user
SAMPLE = 5
MANY = 10_000
# A preview may read a million rows, so it gets more time than other statements of a request.
TIMEOUT = 60  # seconds


class NothingChosen(Exception):
    """The selection holds no row."""


@dataclass(frozen=True)
class PreviewSample:
    """Some of the rows left out for a reason, and the number of all of them."""

    reason: str
    count: int
    rows: Sequence[Any]


def begin(operation: BulkColumns, chosen: Select[int, str]) -> None:
    """Add an operation and the rows of `chosen`, a query of row ids and reasons to leave them out.

    The selection is fixed: rows that match later are not added. The caller may leave out more, and
    calls `finish`. Raises NothingChosen.
    """
    if not is_sqlite():
        db.session.execute(text(f"SET LOCAL statement_timeout = {TIMEOUT * 1000}"))
        patience.set(TIMEOUT + 2.0)
    db.session.add(operation)
    db.session.flush()
    items: Any = operation.item
    rows = chosen.with_only_columns(
        literal(operation.id, Integer), *chosen.selected_columns, maintain_column_froms=True
    )
    columns = (items.operation_id, items.row_id, items.reason)
    result = db.session.execute(
        insert(items.__table__).from_select([column.name for column in columns], rows),
        execution_options={"preserve_rowcount": True},
    )
    operation.total = cast("CursorResult[Any]", result).rowcount
    if not operation.total:
        db.session.rollback()
        raise NothingChosen


def finish(operation: BulkColumns, *, asked: int = 0) -> None:
    """Count the rows that are left out, and commit. `asked` is the number of ids that were picked.

    Each preview may hold a row for every row of a table, so only the latest of a user are kept.
    """
    reason = operation.item.reason
    counts = select(reason, func.count()).where(_left_out(operation)).group_by(reason)
    operation.left_out = dict(db.session.execute(counts).all())
    if asked > operation.total:
        operation.left_out = {**operation.left_out, "gone": asked - operation.total}
        operation.total = asked
    _forget_earlier(operation)
    if operation.total > MANY and not is_sqlite():
        # With stale statistics the planner expects few rows, and sorts all of them per batch.
        table: Any = operation.item
        db.session.execute(text(f"ANALYZE {table.__tablename__}"))
    db.session.commit()


def _forget_earlier(operation: BulkColumns) -> None:
    model = type(operation)
    waits = and_(model.actor_id == operation.actor_id, model.state == OperationState.PREVIEW)
    latest_first = select(model.id).where(waits).order_by(model.id.desc())
    if ids := db.session.scalars(latest_first.offset(MOST_PREVIEWS)).all():
        # A preview that is being confirmed is locked; afterwards it no longer matches `waits`.
        db.session.execute(
            delete(model).where(model.id.in_(ids), waits),
            execution_options={"synchronize_session": False},
        )


def _left_out(operation: BulkColumns) -> ColumnElement[bool]:
    # The text matches the partial index literally, so the planner uses it.
    return and_(operation.item.operation_id == operation.id, text("reason <> ''"))


def sample(operation: BulkColumns) -> Sequence[Any]:
    """Return some of the rows to process."""
    item = operation.item
    return _some(operation, and_(item.operation_id == operation.id, item.reason == ""))


def left_out(operation: BulkColumns) -> list[PreviewSample]:
    """Return some of the rows left out for each reason, the most frequent reason first."""
    reason = operation.item.reason
    return [
        PreviewSample(why, count, _some(operation, and_(_left_out(operation), reason == why)))
        for why, count in sorted(operation.left_out.items(), key=lambda item: -item[1])
    ]


def _some(operation: BulkColumns, condition: ColumnElement[bool]) -> Sequence[Any]:
    row_id = operation.item.row_id
    ids = db.session.scalars(select(row_id).where(condition).order_by(row_id).limit(SAMPLE))
    return kind_of(operation).shown(ids.all())
