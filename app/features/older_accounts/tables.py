"""Name the tables of flask-base that other features take over."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from app.features.older_accounts.report import TakeOverReport

TakeOver = Callable[[Iterable[Mapping[str, Any]], TakeOverReport], None]


@dataclass(frozen=True)
class OlderTable:
    """The columns of a table, and the function that takes over its rows."""

    columns: tuple[str, ...]
    take_over: TakeOver


TABLES: dict[str, OlderTable] = {}


def takes_over(table: str, *columns: str) -> Callable[[TakeOver], TakeOver]:
    """Give the rows of `table` to the decorated function, which commits.

    It has to be safe to run twice, and writes nothing while `report.is_trial`.
    """

    def register(take_over: TakeOver) -> TakeOver:
        TABLES[table] = OlderTable(columns, take_over)
        return take_over

    return register
