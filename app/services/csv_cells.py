"""Cells of CSV files that a spreadsheet shows as text and does not work out."""

# OWASP, "CSV Injection"; also in full width, which spreadsheets take for the same.
BEGINS_A_FORMULA = frozenset("=+-@\t\r\n\0＝＋－＠")


def neutral(cell: str) -> str:
    """Return `cell` so that a spreadsheet shows it and runs nothing in it.

    An apostrophe goes before what would begin a formula, also where spaces stand before that.
    """
    begins = cell.lstrip(" ")[:1]
    return f"'{cell}" if begins and begins in BEGINS_A_FORMULA else cell
