"""Give hints to SQLite's planner, which has no statistics about rare and common values."""

from typing import Any

from sqlalchemy.sql.elements import UnaryExpression
from sqlalchemy.sql.operators import custom_op

from app.extensions import is_sqlite


def without_index(column: Any) -> Any:
    """Return `column` as an expression for which SQLite uses no index.

    On PostgreSQL the column stays as it is, because the planner has statistics.
    """
    if not is_sqlite():
        return column
    return UnaryExpression(column, operator=custom_op("+"), type_=column.type)
