"""Write the rows of a table as CSV, in batches, so that memory stays flat."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from markupsafe import Markup
from sqlalchemy import ColumnElement, Select, text
from sqlalchemy.orm import ColumnProperty, Session

from app.extensions import db, is_sqlite
from app.kit.database import reading_only
from app.kit.database.postgresql import patience
from app.kit.tables import ordering, paging
from app.kit.tables.asked import Asked
from app.kit.tables.columns import Column
from app.kit.tables.csv_cells import BYTE_ORDER_MARK, escaped, written

BATCH = 1_000  # rows
PATIENCE = 120.0  # seconds; the engine may sort a million rows before it sends the first one

Cells = Iterator[list[Any]]


def export(asked: Asked, where: list[ColumnElement[bool]] | None = None) -> Iterator[bytes]:
    """Return the rows that match as pieces of a CSV file (RFC 4180).

    The query is made now. The pieces are read later, on a connection of their own, and need no
    context unless the table has `rows`.
    """
    table = asked.table
    columns = [one for one in table.all_columns if one.in_csv]
    order = ordering.order_of(table, asked.sort)
    query = paging.matching(asked, where or ())
    for join in order.joins:
        query = query.outerjoin(join)
    query = query.order_by(*order.whole)
    if all(_is_plain(column, table.model) for column in columns) and not table.rows:
        query = query.with_only_columns(
            *(getattr(table.model, one.name) for one in columns), maintain_column_froms=True
        )
        return _pieces(query, columns, _values)
    query = query.options(*paging.loaders(table, {one.name for one in columns}))

    def of_instances(rows: list[Any]) -> Cells:
        instances = [row[0] for row in rows]
        for row in table.rows(instances) if table.rows else instances:
            yield [_value(column, row) for column in columns]

    return _pieces(query, columns, of_instances)


def _pieces(
    query: Select[Any], columns: list[Column], cells: Callable[[list[Any]], Cells]
) -> Iterator[bytes]:
    engine, is_slow = db.engine, not is_sqlite()

    def pieces() -> Iterator[bytes]:
        yield (BYTE_ORDER_MARK + written([[one.label for one in columns]])).encode()
        reading_only.set(True)
        patience.set(PATIENCE)
        with Session(engine) as session:
            if is_slow:
                # A slow client makes an export slow.
                session.execute(text("SET LOCAL statement_timeout = 0"))
            result = session.execute(query, execution_options={"yield_per": BATCH})
            for rows in result.partitions():
                lines = ([_cell(value) for value in row] for row in cells(list(rows)))
                yield written(lines).encode()

    return pieces()


def _is_plain(column: Column, model: Any) -> bool:
    attribute = getattr(model, column.name, None)
    is_column = isinstance(getattr(attribute, "property", None), ColumnProperty)
    return is_column and not column.value and not column.csv


def _values(rows: list[Any]) -> Cells:
    return (list(row) for row in rows)


def _value(column: Column, row: Any) -> Any:
    value = column.of(row)
    if value is None:
        return None
    if column.csv:
        return column.csv(value)
    if column.show and not isinstance(value, str | int | float | Decimal | date | Enum):
        shown = column.show(value)
        return shown.striptags() if isinstance(shown, Markup) else shown
    return value


def _cell(value: Any) -> Any:
    """Return a value as a cell. Texts are escaped, so that a spreadsheet runs no formula."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Enum):
        return escaped(str(value.value))
    if isinstance(value, str):
        # Most cells begin with a letter, and `escaped` is slow.
        is_simple = value[:1].isalnum() and ";" not in value and "\t" not in value
        return value if is_simple else escaped(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    return value if isinstance(value, int | float) else str(value)
