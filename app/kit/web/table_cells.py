"""Format the values of a table for its page, by their types."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from flask import current_app

from app.kit.tables.columns import Column
from app.kit.tables.words import humanised
from app.kit.web.templating import number
from app.kit.web.times import reader_of_times, readers_times


def writer(column: Column) -> Callable[[Any], Any]:
    """Return the function that turns a row into the contents of a cell."""
    if column.macro:
        return macro(column.macro)
    of, none, show = column.of, column.none, _formatter(column)

    def write(row: Any) -> Any:
        value = of(row)
        return none if value is None or value == "" else show(value)

    return write


def _formatter(column: Column) -> Callable[[Any], Any]:
    if column.show:
        return column.show
    if not column.badge:
        ago = reader_of_times()
        return lambda value: by_type(value, ago)
    badge = macro("macros/page_macros.html:status_badge")
    badges: dict[Any, Any] = {}

    def badge_of(value: Any) -> Any:
        # A page has few different badges, and calling a macro is slow.
        if value not in badges:
            badges[value] = badge(str(value.value if isinstance(value, Enum) else value))
        return badges[value]

    return badge_of


def by_type(value: Any, ago: Callable[[datetime | None], Any]) -> Any:
    """Format a value by its type."""
    if formatted := _FORMATS.get(type(value)):
        return formatted(value)
    # A datetime is a date, a bool is an int, and many an Enum is a str.
    if isinstance(value, datetime):
        return ago(value)
    for kind, formatted in _FORMATS.items():
        if isinstance(value, kind):
            return formatted(value)
    return str(value)


def _day(value: date) -> str:
    return readers_times().short(value)


_FORMATS: dict[type, Callable[[Any], Any]] = {
    Enum: lambda value: humanised(str(value.value)),
    str: lambda value: value,
    bool: lambda value: "Yes" if value else "No",
    int: number,
    date: _day,
    Decimal: lambda value: f"{value:,}",
    float: lambda value: f"{value:,}",
}


def macro(name: str) -> Callable[[Any], Any]:
    """Return the macro of a template, from "file:macro"."""
    file, _, part = name.partition(":")
    found: Callable[[Any], Any] = getattr(current_app.jinja_env.get_template(file).module, part)
    return found
