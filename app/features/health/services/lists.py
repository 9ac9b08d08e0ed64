"""Check that the declared tables with many rows have the indexes for their searches and orders."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Select, inspect, literal_column, select

from app.extensions import db
from app.features.health.services.check import Check
from app.kit.tables import search
from app.kit.tables.ordering import relation_of
from app.kit.tables.table import Table, declared

MANY = 100_000  # rows; a look at each of fewer takes a moment only


def have_indexes() -> Check:
    """Name the lists that look at each row of a large table, and those that would."""
    tables = [table for table in declared() if not table.find]
    without = [table for table in tables if _lacks_search_index(table)]
    slow = [table for table in tables if _has_many_rows(table)]
    for table in slow:
        if table in without:
            return Check(
                "lists",
                problem=f"The search in {table.title} ({table.file}) looks at every row.",
                hint="Create its index in a migration: see create_search_index in docs/tables.md.",
            )
        for column, hint in _orders_without_index(table):
            return Check(
                "lists",
                problem=f"The order by {column} in {table.title} ({table.file}) sorts all rows.",
                hint=hint,
            )
    if without:
        names = ", ".join(table.title for table in without)
        return Check("lists", f"Search without an index, as there are few rows: {names}")
    return Check("lists", "Have their indexes")


def _lacks_search_index(table: Table) -> bool:
    return bool(table.search) and not search.has_index(table.model, table.search_columns)


def _has_many_rows(table: Table) -> bool:
    some: Select[Any] = select(literal_column("1")).select_from(table.model).offset(MANY).limit(1)
    return db.session.execute(some).first() is not None


def _orders_without_index(table: Table) -> Iterator[tuple[str, str]]:
    """Yield the columns by which the list is sorted without an index, each with a hint."""
    model: Any = table.model
    keys = {next(iter(model.__table__.primary_key.columns)).name}
    for index in inspect(db.session.connection()).get_indexes(model.__tablename__):
        keys.update(name for name in index["column_names"][:1] if name)
    for column in table.columns:
        if not table.sorts(column.name):
            continue
        if relation_of(model, column.name) is not None:
            # The index of the other table does not have the rows of this one in its order.
            yield column.name, "Give the column `sort=[]`, because no index serves a relation."
        elif getattr(table.sort_keys(column.name)[0], "key", None) not in keys:
            yield (
                column.name,
                f"Add an index on {column.name}, or give the column `sort=[]`.",
            )
