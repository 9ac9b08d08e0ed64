"""Declared tables: a list with search, filters, orders, pages, actions and CSV in twenty lines.

A feature declares a `Table`, and `app.kit.web.table_pages` shows it. See docs/tables.md.
"""

from app.kit.tables.actions import BulkAction, RowAction
from app.kit.tables.columns import Column
from app.kit.tables.csv_columns import Amount
from app.kit.tables.filters import Choice, Relation, YesNo
from app.kit.tables.ranges import Dates, Numbers
from app.kit.tables.table import Table

__all__ = [
    "Amount",
    "BulkAction",
    "Choice",
    "Column",
    "Dates",
    "Numbers",
    "Relation",
    "RowAction",
    "Table",
    "YesNo",
]
