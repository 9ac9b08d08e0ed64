"""Turn the columns of a table into expressions whose values are the cells of a CSV file.

The database writes a file of such columns itself. Python takes several times as long.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

from sqlalchemy import ColumnElement, Integer, Select, String, case, cast, func
from sqlalchemy.orm import ColumnProperty, InstrumentedAttribute, RelationshipProperty, aliased

from app.kit import money
from app.kit.tables import csv_queries
from app.kit.tables.columns import Column


@runtime_checkable
class InSql(Protocol):
    """A function for `csv` of a column that the database can do as well.

    `in_sql` returns the same text for the same value, or None for a column that it cannot read.
    """

    def __call__(self, value: Any, /) -> str: ...

    def in_sql(self, column: Any, /) -> ColumnElement[str] | None: ...


@dataclass(frozen=True)
class Amount:
    """Writes minor units as an amount without its currency, as in -1234.50."""

    currency: str

    def __call__(self, minor: int, /) -> str:
        return money.amount(minor, self.currency, separator="")

    def in_sql(self, minor: Any, /) -> ColumnElement[str] | None:
        if not isinstance(minor.type, Integer):
            return None
        places = money.digits(self.currency)
        if not places:
            return cast(minor, String)
        unit = 10**places
        # Both engines round a quotient towards zero. The lowest number has no absolute value, but
        # its parts have.
        whole, rest = func.abs(minor // unit), func.abs(minor % unit)
        sign = case((minor < 0, "-"), else_="")
        decimals = func.substr(cast(rest + unit, String), 2)
        return sign.concat(cast(whole, String)).concat(".").concat(decimals)


class _Cell(NamedTuple):
    """The expression of a cell, and the relation that it joins."""

    expression: Any
    join: Any = None


def selected(query: Select[Any], columns: Sequence[Column], model: Any) -> Select[Any] | None:
    """Return a query of rows as one of their cells, or None if a column needs Python."""
    cells = [_cell(column, model) for column in columns]
    found = [cell for cell in cells if cell is not None and csv_queries.is_plain(cell.expression)]
    if len(found) < len(cells):
        return None
    for cell in found:
        if cell.join is not None:
            query = query.outerjoin(cell.join)
    return query.with_only_columns(*(cell.expression for cell in found), maintain_column_froms=True)


def to_one(column: Column, model: Any) -> RelationshipProperty[Any] | None:
    """Return the relation that a column shows, if its rows are found by their key, or None."""
    found = getattr(getattr(model, column.name, None), "property", None)
    if not isinstance(found, RelationshipProperty) or len(found.local_remote_pairs) != 1:
        return None
    ((_local, remote),) = found.local_remote_pairs
    return None if found.uselist or list(found.mapper.primary_key) != [remote] else found


def _cell(column: Column, model: Any) -> _Cell | None:
    if column.value or column.load:
        return None
    attribute: Any = getattr(model, column.name, None)
    if isinstance(column.csv, InstrumentedAttribute):
        if (relation := to_one(column, model)) is None:
            return None
        target = aliased(relation.mapper.class_)
        return _Cell(getattr(target, column.csv.key), attribute.of_type(target))
    if not isinstance(getattr(attribute, "property", None), ColumnProperty):
        return None
    if column.csv is None:
        return _Cell(attribute)
    expression = column.csv.in_sql(attribute) if isinstance(column.csv, InSql) else None
    return None if expression is None else _Cell(expression)
