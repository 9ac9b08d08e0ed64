"""The orders of a table, as parts that an index can serve from either end.

Rows without a value come last, in both directions and on both engines. `ORDER BY x IS NULL, x`
would say so, but no index serves it. So an order has two parts, which are read one after the other:
the rows with a value, and the rows without one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, inspect
from sqlalchemy.orm import RelationshipProperty, aliased

from app.kit.tables.cursors import BigInt
from app.kit.tables.table import Table


@dataclass(frozen=True)
class OrderPart:
    """The rows under `conditions`, sorted by `keys`, of which the last is the id."""

    name: str
    conditions: tuple[ColumnElement[bool], ...]
    keys: tuple[Any, ...]

    def kinds(self) -> tuple[type, ...]:
        """Return the Python type of each key."""
        return tuple(kind_of(key) for key in self.keys)


@dataclass(frozen=True)
class Order:
    """The parts of an order, the first on top, and the relations that it joins."""

    sort: str
    parts: tuple[OrderPart, ...]
    joins: tuple[Any, ...]

    @property
    def is_descending(self) -> bool:
        return self.sort.startswith("-")

    @property
    def whole(self) -> list[ColumnElement[Any]]:
        """Return the order for a query of all rows at once."""
        keys = self.parts[0].keys
        sorted_by = [key.desc() for key in keys] if self.is_descending else list(keys)
        return [keys[0].is_(None), *sorted_by] if len(self.parts) > 1 else sorted_by


def order_of(table: Table, sort: str) -> Order:
    """Return the order of a column name, with a leading minus for descending."""
    name = sort.removeprefix("-")
    keys = table.sort_keys(name)
    joins: tuple[Any, ...] = ()
    relation = relation_of(table.model, name)
    if relation is not None:
        target = aliased(relation.mapper.class_)
        keys = [getattr(target, key.key) for key in keys]
        joins = (getattr(table.model, name).of_type(target),)
    identity = table.identity
    if keys[-1] is identity:
        keys.pop()
    if not keys:
        return Order(sort, (OrderPart("", (), (identity,)),), joins)
    known = OrderPart("", (), (*keys, identity))
    if not joins and not is_nullable(keys[0]):
        return Order(sort, (known,), joins)
    known = OrderPart("", (keys[0].is_not(None),), known.keys)
    return Order(sort, (known, OrderPart("none", (keys[0].is_(None),), (identity,))), joins)


def kind_of(column: Any) -> type:
    """Return the Python type of a column's values."""
    stored = getattr(column.type, "impl_instance", column.type)  # of a TypeDecorator
    kind: type = BigInt if isinstance(stored, BigInteger) else stored.python_type
    return kind


def relation_of(model: Any, name: str) -> RelationshipProperty[Any] | None:
    """Return the relation of a model with this name, or None."""
    return inspect(model).relationships.get(name)


def is_nullable(key: Any) -> bool:
    """Return whether a key may have no value. Anything but a column may."""
    return bool(getattr(getattr(key, "expression", key), "nullable", True))
