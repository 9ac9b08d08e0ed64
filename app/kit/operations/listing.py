"""The columns of a list of bulk operations, and the condition on its rows."""

from __future__ import annotations

from operator import attrgetter

from sqlalchemy import ColumnElement

from app.kit.operations.models import BulkColumns, OperationState
from app.kit.tables.columns import Column

NEWEST_FIRST = "-started_at"


def columns(model: type[BulkColumns]) -> list[Column]:
    """Return the columns of a list of operations, without the main one."""
    return [
        Column("state", "State", value=state_of, badge=True),
        Column("done", "Done", align="end"),
        Column("left_out", "Left out", value=attrgetter("left_out_count"), align="end", sort=[]),
        Column("actor_label", "By"),
        Column("started_at", "When", nowrap=True, sort=[model.id]),
    ]


def is_confirmed(model: type[BulkColumns]) -> ColumnElement[bool]:
    """Return the condition for operations that their owner has confirmed."""
    return model.state != OperationState.PREVIEW


def state_of(operation: BulkColumns) -> str:
    """Return the state as pages show it: a cancelled operation can go on, so it is stopped."""
    is_cancelled = operation.state == OperationState.CANCELLED
    return OperationState.STOPPED if is_cancelled else operation.state
