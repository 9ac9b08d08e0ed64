"""Hints for SQLite's planner, which has no statistics to tell a rare value from a common one."""

from typing import Any

from sqlalchemy.sql.elements import UnaryExpression
from sqlalchemy.sql.operators import custom_op

from app.extensions import is_sqlite


def without_index(column: Any) -> Any:
    """Return `column` as an expression for which SQLite looks into no index.

    PostgreSQL has statistics and chooses by itself.
    """
    if not is_sqlite():
        return column
    return UnaryExpression(column, operator=custom_op("+"), type_=column.type)
