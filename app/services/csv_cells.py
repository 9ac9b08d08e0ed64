"""CSV as spreadsheets take it, with cells that they show as text and do not work out."""

import csv
import io
from collections.abc import Iterable
from typing import Any

# Without it, Excel takes UTF-8 for Windows-1252.
BYTE_ORDER_MARK = "\ufeff"

# OWASP, "CSV Injection"; also in full width, which spreadsheets take for the same.
BEGINS_A_FORMULA = frozenset("=+-@\t\r\n\0＝＋－＠")


def neutral(cell: str) -> str:
    """Return `cell` so that a spreadsheet shows it and runs nothing in it.

    An apostrophe goes before what would begin a formula, also where spaces stand before that.
    """
    begins = cell.lstrip(" ")[:1]
    return f"'{cell}" if begins and begins in BEGINS_A_FORMULA else cell


def written(rows: Iterable[Iterable[Any]]) -> str:
    """Return rows as lines of CSV (RFC 4180). The cells are written as they are."""
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()
