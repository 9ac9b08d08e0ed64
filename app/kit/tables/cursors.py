"""Encode and decode the cursors of keyset pagination in URLs.

A cursor holds the order, the part and the keys of a row. It contains no secret, and a cursor
from a request is not trusted.
"""

from __future__ import annotations

import base64
import binascii
import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from app.kit.database import HIGHEST_BIG_INTEGER, HIGHEST_INTEGER

LONGEST = 2_000
LONGEST_NUMBER = 60


class BigInt(int):
    """The kind of a key in a column of 64 bits."""


class NotACursor(ValueError):
    """The text is not a valid cursor for this list."""


@dataclass(frozen=True)
class Cursor:
    """The position of a row: its part, and the values of the part's keys."""

    part: str
    values: tuple[Any, ...]


def write(sort: str, cursor: Cursor) -> str:
    """Encode `cursor` for a URL."""
    values = [_written(value) for value in cursor.values]
    text = json.dumps([sort, cursor.part, *values], ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read(text: str, *, sort: str, kinds: dict[str, tuple[type, ...]]) -> Cursor:
    """Decode a cursor that `write` encoded for this order.

    `kinds` maps each part to the types of its keys. Raises NotACursor for anything else.
    """
    if len(text) > LONGEST or not text.isascii():
        raise NotACursor
    try:
        parts = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode())
    except (binascii.Error, ValueError, RecursionError):
        raise NotACursor from None
    if not isinstance(parts, list) or len(parts) < 3 or parts[0] != sort:
        raise NotACursor
    part, values = parts[1], parts[2:]
    if not isinstance(part, str) or part not in kinds or len(values) != len(kinds[part]):
        raise NotACursor
    pairs = zip(values, kinds[part], strict=True)
    return Cursor(part, tuple(_value(value, kind) for value, kind in pairs))


def _written(value: Any) -> str | int | float:
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, date):
        return value.isoformat()
    return value if isinstance(value, str | int | float) else str(value)


def _value(value: Any, kind: type) -> Any:
    if kind in {bool, float}:
        if type(value) is kind:
            return value
    elif issubclass(kind, int) and not issubclass(kind, Enum):
        # A driver raises an error for a number that the column cannot hold.
        most = HIGHEST_BIG_INTEGER if kind is BigInt else HIGHEST_INTEGER
        if type(value) is int and -most <= value <= most:
            return value
    elif isinstance(value, str):
        with suppress(ValueError, KeyError, ArithmeticError):
            return _parsed(value, kind)
    raise NotACursor


def _parsed(text: str, kind: type) -> Any:
    """Parse a value that `_written` wrote as text. Raises several errors for other texts."""
    if issubclass(kind, Enum):
        return kind[text]
    if kind is datetime:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None or moment.utcoffset():
            raise NotACursor
        return moment
    if kind is date:
        return date.fromisoformat(text)
    if kind is Decimal:
        number = Decimal(text)
        # PostgreSQL raises an error for a short text such as 1E+999999.
        if not number.is_finite() or max(len(text), abs(number.adjusted())) > LONGEST_NUMBER:
            raise NotACursor
        return number
    if kind is UUID:
        return UUID(text)
    # A database driver cannot encode a lone surrogate, and PostgreSQL cannot store a NUL.
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise NotACursor
    return text
