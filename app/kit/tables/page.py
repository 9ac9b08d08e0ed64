"""The page object that every list hands to the template of tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.kit.tables.totals import Total


@dataclass(frozen=True)
class TablePage:
    """Rows in their order, and the cursors of the pages before and after them, or None.

    `is_sorted` is False if too many rows match a search to sort them. The newest then come first.
    """

    rows: Sequence[Any]
    total: Total
    before: str | None = None
    after: str | None = None
    is_sorted: bool = True
