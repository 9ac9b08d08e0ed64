"""Write CSV for spreadsheets, with cells that are shown as text and never run as formulas."""

import csv
import io
import re
from collections.abc import Iterable
from typing import Any

# Without the mark, Excel reads UTF-8 as Windows-1252.
BYTE_ORDER_MARK = "\ufeff"

# OWASP, "CSV Injection". Spreadsheets treat the full-width forms the same.
BEGINS_A_FORMULA = frozenset("=+-@\t\r\n\0＝＋－＠")


# In much of Europe, Excel's list separator is a semicolon. Excel then reads commas as text, and
# starts a cell after each semicolon, even inside quotation marks. Tabs can be set to do the same.
SEPARATORS_ELSEWHERE = ";\t"
_SEPARATED = re.compile(
    rf"(?<=[{SEPARATORS_ELSEWHERE}])(?= *[{re.escape(''.join(sorted(BEGINS_A_FORMULA)))}])"
)


def escape_formula(cell: str) -> str:
    """Escape `cell` so that a spreadsheet shows it as text and runs no formula.

    An apostrophe is inserted before the start of a formula, also after leading spaces and wherever
    a spreadsheet might start another cell.
    """
    if may_be_separated(cell):
        cell = _SEPARATED.sub("'", cell)
    begins = cell.lstrip(" ")[:1]
    return f"'{cell}" if begins and begins in BEGINS_A_FORMULA else cell


# The patterns match the start of a formula, or of an escaped one, in a cell and after separators.
_BEGINS = rf"(?=[ ']*[{re.escape(''.join(sorted(BEGINS_A_FORMULA)))}])"
_BEHIND = rf"(?<=[{SEPARATORS_ELSEWHERE}])"
_AT_START = re.compile(rf"\A{_BEGINS}")
_INSIDE = re.compile(rf"{_BEHIND}{_BEGINS}")
_ESCAPED = re.compile(rf"(?:\A|{_BEHIND})'{_BEGINS}")


def escaped(cell: str) -> str:
    """Escape `cell` as `escape_formula` does, but so that `unescaped` restores it exactly.

    A cell that already begins with an apostrophe and an equals sign gets one more apostrophe.
    """
    return _AT_START.sub("'", escaped_inside(cell))


def escaped_inside(cell: str) -> str:
    """Escape only the formulas after separators within a cell."""
    return _INSIDE.sub("'", cell) if may_be_separated(cell) else cell


def unescaped(cell: str) -> str:
    """Undo `escaped`. A name such as 't Hooft stays as it is."""
    return _ESCAPED.sub("", cell) if "'" in cell else cell


def may_be_separated(text: str | bytes) -> bool:
    """Return whether a spreadsheet with another separator might split `text` into more cells."""
    if isinstance(text, bytes):
        return b";" in text or b"\t" in text
    return ";" in text or "\t" in text


def written(rows: Iterable[Iterable[Any]]) -> str:
    """Return rows as lines of CSV (RFC 4180), without escaping formulas."""
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()
