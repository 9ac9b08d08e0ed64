"""Write the rows of a table as CSV, in batches, so that memory stays flat."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from functools import partial
from typing import Any

from markupsafe import Markup
from sqlalchemy import ColumnElement, Select, inspect, select
from sqlalchemy.orm import ColumnProperty, Session

from app.extensions import db, is_sqlite
from app.kit.database import reading_only
from app.kit.tables import csv_columns, csv_queries, ordering, paging
from app.kit.tables.asked import Asked
from app.kit.tables.columns import Column
from app.kit.tables.csv_cells import BYTE_ORDER_MARK, escaped, written

BATCH = 1_000  # rows
KEPT = 10_000  # rows of a relation

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
    query = query.order_by(*ordering.whole(order.parts))
    cells = None if table.rows else csv_columns.selected(query, columns, table.model)
    if cells is not None:
        return csv_queries.pieces(cells, [one.label for one in columns])
    readers = [] if table.rows else [_reader(column, table.model) for column in columns]
    if readers and all(readers):
        found = [one for one in readers if one is not None]
        query = query.with_only_columns(
            *(one.attribute for one in found), maintain_column_froms=True
        )
        return _pieces(query, columns, partial(_of_columns, found))
    query = query.options(*paging.loaders(table, {one.name for one in columns}))

    def of_instances(_session: Session, rows: list[Any]) -> Cells:
        instances = [row[0] for row in rows]
        for row in table.rows(instances) if table.rows else instances:
            yield [_value(column, row) for column in columns]

    return _pieces(query, columns, of_instances)


def _pieces(
    query: Select[Any], columns: list[Column], cells: Callable[[Session, list[Any]], Cells]
) -> Iterator[bytes]:
    engine, on_sqlite = db.engine, is_sqlite()

    def pieces() -> Iterator[bytes]:
        yield (BYTE_ORDER_MARK + written([[one.label for one in columns]])).encode()
        reading_only.set(True)
        with Session(engine) as session:
            if not on_sqlite:
                csv_queries.take_time(session)
            result = session.execute(query, execution_options={"yield_per": BATCH})
            for rows in result.partitions():
                lines = ([_cell(value) for value in row] for row in cells(session, list(rows)))
                yield written(lines).encode()

    return pieces()


@dataclass(frozen=True)
class _Reader:
    """Reads the cells of a column without an instance for each row, which would take most time.

    The rows of a relation are read by their keys, each once, and `related` keeps their cells.
    """

    attribute: Any
    convert: Callable[[Any], Any] | None = None
    target: Any = None
    related: dict[Any, Any] = field(default_factory=dict)

    def cells(self, session: Session, values: Sequence[Any]) -> Sequence[Any]:
        """Return the cells for the values of a batch."""
        convert = self.convert
        if convert is None:
            return values
        if self.target is None:
            return [None if value is None else convert(value) for value in values]
        if len(self.related) > KEPT:
            self.related.clear()
        if missing := {value for value in values if value is not None} - self.related.keys():
            key = inspect(self.target).primary_key[0]
            for row in session.scalars(select(self.target).where(key.in_(missing))):
                self.related[inspect(row).identity[0]] = convert(row)
        return [self.related.get(value) for value in values]


def _reader(column: Column, model: Any) -> _Reader | None:
    """Return the reader of a column, or None if it needs instances."""
    if column.value or column.load:
        return None
    attribute = getattr(model, column.name, None)
    if isinstance(getattr(attribute, "property", None), ColumnProperty):
        return _Reader(attribute, column.to_csv)
    if (relation := csv_columns.to_one(column, model)) is None:
        return None
    ((local, _remote),) = relation.local_remote_pairs
    return _Reader(local, partial(_formatted, column), relation.mapper.class_)


def _of_columns(readers: list[_Reader], session: Session, rows: list[Any]) -> Cells:
    columns = zip(*rows, strict=True)
    cells = [one.cells(session, values) for one, values in zip(readers, columns, strict=True)]
    return map(list, zip(*cells, strict=True))


def _value(column: Column, row: Any) -> Any:
    value = column.of(row)
    return None if value is None else _formatted(column, value)


def _formatted(column: Column, value: Any) -> Any:
    if column.to_csv:
        return column.to_csv(value)
    if column.show and not isinstance(value, str | int | float | Decimal | date | Enum):
        shown = column.show(value)
        return shown.striptags() if isinstance(shown, Markup) else shown
    return value


def _cell(value: Any) -> Any:
    """Return a value as a cell. Texts are escaped, so that a spreadsheet runs no formula."""
    if known := _CELLS.get(type(value)):
        return known(value)
    if isinstance(value, Enum):
        return escaped(str(value.value))
    if isinstance(value, int | float | Decimal | date):
        return value  # -5 is a number, and no formula
    return escaped(str(value))


def _text(value: str) -> str:
    # Most cells begin with a letter, and `escaped` is slow.
    is_simple = value[:1].isalnum() and ";" not in value and "\t" not in value
    return value if is_simple else escaped(value)


def _number(value: float) -> float:
    return value


_CELLS: dict[type, Callable[[Any], Any]] = {
    str: _text,
    int: _number,
    float: _number,
    type(None): lambda _value: "",
    bool: lambda value: "yes" if value else "no",
    datetime: lambda value: value.astimezone(UTC).isoformat(" ")[:19],
}
