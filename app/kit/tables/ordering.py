"""The orders of a list, as parts that an index can serve from either end.

Rows without a value come last, in both directions and on both engines. `ORDER BY x IS NULL, x`
would say so, but no index serves it. So an order has two parts, which are read one after the other:
the rows with a value, and the rows without one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, and_, case, inspect
from sqlalchemy.orm import RelationshipProperty, aliased

from app.kit.tables.cursors import BigInt
from app.kit.tables.table import Table


@dataclass(frozen=True)
class OrderPart:
    """The rows under `conditions`, sorted by `keys`, of which the last is the id."""

    name: str
    conditions: tuple[ColumnElement[bool], ...]
    keys: tuple[Any, ...]
    is_descending: bool = False

    def kinds(self) -> tuple[type, ...]:
        """Return the Python type of each key."""
        return tuple(kind_of(key) for key in self.keys)

    def sorted_by(self, keys: Sequence[Any], *, is_backwards: bool = False) -> list[Any]:
        """Return keys for ORDER BY, in the direction of this part or in the other one."""
        return [key.desc() if self.is_descending != is_backwards else key for key in keys]


@dataclass(frozen=True)
class Order:
    """The parts of an order, the first on top, and the relations that it joins."""

    sort: str
    parts: tuple[OrderPart, ...]
    joins: tuple[Any, ...]


def whole(parts: Sequence[OrderPart]) -> list[ColumnElement[Any]]:
    """Return the order for a query of the rows of all parts at once."""
    if len(parts) == 1:
        return parts[0].sorted_by(parts[0].keys)
    is_in = [and_(*part.conditions) for part in parts]
    rank = case(*((here, number) for number, here in enumerate(is_in)))
    if len({(part.keys, part.is_descending) for part in parts}) == 1:
        return [rank, *parts[0].sorted_by(parts[0].keys)]
    keys = [
        part.sorted_by([case((here, key)) for key in part.keys])
        for part, here in zip(parts, is_in, strict=True)
    ]
    return [rank, *chain(*keys)]


def order_of(table: Table, sort: str) -> Order:
    """Return the order of a column name, with a leading minus for descending."""
    name = sort.removeprefix("-")
    keys: Sequence[Any] = table.sort_keys(name)
    joins: tuple[Any, ...] = ()
    relation = relation_of(table.model, name)
    if relation is not None:
        target = aliased(relation.mapper.class_)
        keys = [getattr(target, key.key) for key in keys]
        joins = (getattr(table.model, name).of_type(target),)
    identity, is_descending = table.identity, sort.startswith("-")
    keys = (*(key for key in keys if key is not identity), identity)
    if not joins and not is_nullable(keys[0]):
        return Order(sort, (OrderPart("", (), keys, is_descending),), joins)
    known = OrderPart("", (keys[0].is_not(None),), keys, is_descending)
    unknown = OrderPart("none", (keys[0].is_(None),), (identity,), is_descending)
    return Order(sort, (known, unknown), joins)


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
