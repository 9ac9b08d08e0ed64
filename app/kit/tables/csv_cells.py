"""CSV as spreadsheets take it, with cells that they show as text and do not work out."""

import csv
import io
import re
from collections.abc import Iterable
from typing import Any

# Without it, Excel takes UTF-8 for Windows-1252.
BYTE_ORDER_MARK = "\ufeff"

# OWASP, "CSV Injection"; also in full width, which spreadsheets take for the same.
BEGINS_A_FORMULA = frozenset("=+-@\t\r\n\0＝＋－＠")


# Where Excel's list separator is a semicolon, as in much of Europe, it takes commas for text, and
# begins a cell behind each semicolon, quotation marks or not. Tabs may be set to do the same.
SEPARATORS_ELSEWHERE = ";\t"
_SEPARATED = re.compile(
    rf"(?<=[{SEPARATORS_ELSEWHERE}])(?= *[{re.escape(''.join(sorted(BEGINS_A_FORMULA)))}])"
)


def escape_formula(cell: str) -> str:
    """Return `cell` so that a spreadsheet shows it and runs nothing in it.

    An apostrophe goes before what would begin a formula, also where spaces stand before that, and
    where a spreadsheet might begin another cell.
    """
    if may_be_separated(cell):
        cell = _SEPARATED.sub("'", cell)
    begins = cell.lstrip(" ")[:1]
    return f"'{cell}" if begins and begins in BEGINS_A_FORMULA else cell


# A cell, or a cell elsewhere, that would begin a formula, or looks as if it had been kept from it.
_BEGINS = rf"(?=[ ']*[{re.escape(''.join(sorted(BEGINS_A_FORMULA)))}])"
_BEHIND = rf"(?<=[{SEPARATORS_ELSEWHERE}])"
_AT_START = re.compile(rf"\A{_BEGINS}")
_INSIDE = re.compile(rf"{_BEHIND}{_BEGINS}")
_ESCAPED = re.compile(rf"(?:\A|{_BEHIND})'{_BEGINS}")


def escaped(cell: str) -> str:
    """Return `cell` as `escape_formula` does, so that `unescaped` gives it back exactly.

    A cell that truly begins with an apostrophe and an equals sign gets one more apostrophe.
    """
    return _AT_START.sub("'", escaped_inside(cell))


def escaped_inside(cell: str) -> str:
    """Do the part of `escaped` that is about separators within a cell."""
    return _INSIDE.sub("'", cell) if may_be_separated(cell) else cell


def unescaped(cell: str) -> str:
    """Return the cell of which `escaped` made `cell`. A name such as 't Hooft stays as it is."""
    return _ESCAPED.sub("", cell) if "'" in cell else cell


def may_be_separated(text: str | bytes) -> bool:
    """Tell whether some spreadsheet might find more cells in `text` than were written."""
    if isinstance(text, bytes):
        return b";" in text or b"\t" in text
    return ";" in text or "\t" in text


def written(rows: Iterable[Iterable[Any]]) -> str:
    """Return rows as lines of CSV (RFC 4180). The cells are written as they are."""
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()
