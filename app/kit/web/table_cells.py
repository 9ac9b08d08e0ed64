"""Format the values of a table for its page, by their types."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Any

from flask import current_app

from app.kit.tables.columns import Column
from app.kit.tables.words import humanised
from app.kit.web.templating import number
from app.kit.web.times import reader_of_times, readers_times

Formats = dict[type, Callable[[Any], Any]]


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
    if column.badge:
        # A page has few different badges, and calling a macro is slow.
        badge = macro("macros/page_macros.html:status_badge")
        return cache(lambda value: badge(str(value.value if isinstance(value, Enum) else value)))
    formats: Formats = {**_FORMATS, datetime: reader_of_times(), date: readers_times().short}

    def by_type(value: Any) -> Any:
        kind = type(value)
        if kind not in formats:
            alike = (show for known, show in formats.items() if isinstance(value, known))
            formats[kind] = next(alike, str)
        return formats[kind](value)

    return by_type


# A bool is an int, a datetime is a date, and many an Enum is a str: the first one counts.
_FORMATS: Formats = {
    Enum: lambda value: humanised(str(value.value)),
    str: lambda value: value,
    bool: lambda value: "Yes" if value else "No",
    int: number,
    Decimal: lambda value: f"{value:,}",
    float: lambda value: f"{value:,}",
}


def macro(name: str) -> Callable[[Any], Any]:
    """Return the macro of a template, from "file:macro"."""
    file, _, part = name.partition(":")
    found: Callable[[Any], Any] = getattr(current_app.jinja_env.get_template(file).module, part)
    return found
