"""Filters by a first and a last value: days, or numbers."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, ClassVar

from sqlalchemy import BigInteger, Date, Integer

from app.kit.database import HIGHEST_BIG_INTEGER, HIGHEST_INTEGER
from app.kit.tables import days
from app.kit.tables.filters import Filter, Reading

NUMBER = re.compile(r"-?\d{1,15}([.,]\d{1,6})?", re.ASCII)


@dataclass(frozen=True)
class _Range(Filter):
    """Values from a first to a last one, both included. `ends` are their parameters in the URL."""

    ends: tuple[str, str] | None = None

    is_folded = True

    @property
    def parameters(self) -> tuple[str, ...]:
        return self.ends or (f"{self.key}_from", f"{self.key}_to")

    @abstractmethod
    def parsed(self, text: str, model: Any) -> Any:
        """Return the value of a text, or None."""

    @abstractmethod
    def bounds(self, first: Any, last: Any, model: Any) -> tuple[Any, Any]:
        """Return the values to compare the column with."""

    reason: ClassVar[str]

    def read(self, args: Mapping[str, str], model: Any) -> Reading:
        given = {name: args.get(name, "").strip() for name in self.parameters}
        found = {name: self.parsed(text, model) for name, text in given.items() if text}
        notices = [
            self.refused(given[name], self.reason) for name, value in found.items() if value is None
        ]
        first, last = (found.get(name) for name in self.parameters)
        if first is not None and last is not None and first > last:
            turned = f"{self.title}: the {self.control} end before they begin"
            notices.append(f"{turned}, so both are left out.")
            first = last = None
        values = {
            name: given[name]
            for name, value in zip(self.parameters, (first, last), strict=True)
            if value is not None
        }
        column = self.column_of(model)
        low, high = self.bounds(first, last, model)
        conditions = [] if low is None else [column >= low]
        conditions += [] if high is None else [column <= high]
        return Reading(values, conditions, notices)


@dataclass(frozen=True)
class Dates(_Range):
    """Whole days in UTC."""

    control = "days"
    reason = "not a date like 2026-01-31"

    def parsed(self, text: str, model: Any) -> date | None:
        return days.read(text)

    def bounds(self, first: date | None, last: date | None, model: Any) -> tuple[Any, Any]:
        """Return the first and the last moment of the days, or the days for a column of dates."""
        if isinstance(self.column_of(model).type, Date):
            return first, last
        return (
            first and datetime.combine(first, time.min, UTC),
            last and datetime.combine(last, time.max, UTC),
        )


@dataclass(frozen=True)
class Numbers(_Range):
    """Numbers. With a `scale` of 100, users enter units, and the column holds hundredths."""

    scale: int = 1

    control = "numbers"
    reason = "not a number"

    def parsed(self, text: str, model: Any) -> Decimal | int | None:
        """Return a number that the column can hold, or None."""
        if not NUMBER.fullmatch(text):
            return None
        number = Decimal(text.replace(",", ".")) * self.scale
        kind = self.column_of(model).type
        if not isinstance(kind, Integer):
            return number
        most = HIGHEST_BIG_INTEGER if isinstance(kind, BigInteger) else HIGHEST_INTEGER
        return int(number) if abs(number) <= most else None

    def bounds(self, first: Any, last: Any, model: Any) -> tuple[Any, Any]:
        return first, last
