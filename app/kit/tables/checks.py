"""Check the declaration of a table, so that a mistake stops the start and not a page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from sqlalchemy.orm import InstrumentedAttribute

if TYPE_CHECKING:
    from app.kit.tables.table import Table

# Parameters of the URL that every list reads.
RESERVED = ("sort", "columns", "per_page", "after", "before", "last", "page")


def problems(table: Table) -> Iterator[str]:
    """Yield the problems of a declaration, each as a sentence that says what to do."""
    yield from _problems_of_columns(table)
    yield from _unknown_attributes(table)
    parameters = [name for one in table.filters for name in one.parameters]
    for name in _twice([*parameters, table.search_parameter, *RESERVED]):
        yield f"two controls have the parameter {name}. Give a filter another `parameter`."
    if not table.find and not table.sorts(table.order.removeprefix("-")):
        yield f"it cannot be sorted by {table.order}. Let `order` name a column that sorts."
    if table.csv and not table.csv_event:
        yield "a CSV file needs `csv_event`, the event of its download."


def _problems_of_columns(table: Table) -> Iterator[str]:
    for name in _twice(column.name for column in table.columns):
        yield f"two columns have the name {name}. Rename one of them."
    if len([column for column in table.columns if column.main]) != 1:
        yield "exactly one column has to be `main`, which holds the link of a row."
    for column in table.columns:
        if column.macro and ":" not in column.macro:
            yield f"the macro of {column.name} is {column.macro}. Write it as file:macro."


def _unknown_attributes(table: Table) -> Iterator[str]:
    model = table.model.__name__
    for column in table.columns:
        is_read = not (column.value or column.macro or table.rows)
        if is_read and not hasattr(table.model, column.name):
            yield (
                f"its column {column.name} is no attribute of {model}. Correct the name, or give "
                "the column a `value`."
            )
        if any(isinstance(one, str) for one in column.sort or ()):
            yield f"its column {column.name} sorts by a text. Name attributes, as {model}.name."
    for name in table.search:
        attribute = getattr(table.model, name, None)
        if table.is_mapped and not isinstance(attribute, InstrumentedAttribute):
            yield f"it searches {name}, which is no column of {model}. Correct the name."
    for one in table.filters:
        if one.compares and one.column is None and not hasattr(table.model, one.name):
            yield (
                f"its filter {one.name} is no attribute of {model}. Correct the name, or give the "
                "filter a `column`."
            )


def _twice(names: Iterable[str]) -> list[str]:
    found = list(names)
    return sorted({name for name in found if found.count(name) > 1})
