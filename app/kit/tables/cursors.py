"""Encode and decode the cursors of keyset pagination in URLs.

A cursor holds the order, the segment and the keys of a row. It contains no secret, and a cursor
from a request is not trusted.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.kit.database import HIGHEST_INTEGER

LONGEST = 2_000


class NotACursor(ValueError):
    """The text is not a valid cursor for this list."""


@dataclass(frozen=True)
class Cursor:
    """The position of a row: its segment, and the values of the segment's keys."""

    segment: str
    values: tuple[str | int | datetime, ...]


def write(sort: str, cursor: Cursor) -> str:
    """Encode `cursor` for a URL."""
    values = [
        value.isoformat() if isinstance(value, datetime) else value for value in cursor.values
    ]
    text = json.dumps([sort, cursor.segment, *values], ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read(text: str, *, sort: str, kinds: dict[str, tuple[type, ...]]) -> Cursor:
    """Decode a cursor that `write` encoded for this order.

    `kinds` maps each segment to the types of its keys. Raises NotACursor for anything else.
    """
    if len(text) > LONGEST or not text.isascii():
        raise NotACursor
    try:
        parts = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode())
    except (binascii.Error, ValueError, RecursionError):
        raise NotACursor from None
    if not isinstance(parts, list) or len(parts) < 3 or parts[0] != sort:
        raise NotACursor
    segment, values = parts[1], parts[2:]
    if not isinstance(segment, str) or segment not in kinds or len(values) != len(kinds[segment]):
        raise NotACursor
    pairs = zip(values, kinds[segment], strict=True)
    return Cursor(segment, tuple(_value(value, kind) for value, kind in pairs))


def _value(value: Any, kind: type) -> str | int | datetime:
    if kind is int and type(value) is int and 0 <= value <= HIGHEST_INTEGER:
        return value
    if not isinstance(value, str) or kind is int:
        raise NotACursor
    if kind is datetime:
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            raise NotACursor from None
        if moment.tzinfo is None or moment.utcoffset():
            raise NotACursor
        return moment
    # A database driver cannot encode a lone surrogate, and PostgreSQL cannot store a NUL.
    if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
        raise NotACursor
    return value
