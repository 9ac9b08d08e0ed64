"""The page object that every list hands to the template of tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.kit.tables.totals import Total


@dataclass(frozen=True)
class TablePage:
    """Rows in their order, and the cursors of the pages before and after them, or None.

    `is_sorted` is False if too many rows match a search to sort them. The newest then come first.
    A list without cursors gives `steps` in their place: the parameters of the URL of the pages
    "first", "prev", "next" and "last", as far as they exist.
    """

    rows: Sequence[Any]
    total: Total
    before: str | None = None
    after: str | None = None
    is_sorted: bool = True
    steps: Mapping[str, Mapping[str, Any]] | None = None

    @property
    def links(self) -> Mapping[str, Mapping[str, Any]]:
        """The parameters of the URL of each page to which this one links."""
        if self.steps is not None:
            return self.steps
        links: dict[str, dict[str, Any]] = {}
        if self.before:
            links |= {"first": {}, "prev": {"before": self.before}}
        if self.after:
            links |= {"next": {"after": self.after}, "last": {"last": 1}}
        return links
