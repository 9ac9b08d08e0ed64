"""Convert values of SQLite to those of PostgreSQL's columns, and refuse what they cannot hold."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn
from uuid import UUID

from sqlalchemy import types
from sqlalchemy.dialects import postgresql as pg

Convert = Callable[[Any], Any]
SMALL, USUAL, BIG = 2**15, 2**31, 2**63  # limits of whole numbers
LONGEST = 40  # characters of a value in a message


class NotStorable(Exception):
    """PostgreSQL cannot hold a value, for the reason in the message."""


def converter(kind: types.TypeEngine[Any]) -> Convert | None:
    """Return the function for the values of a column other than NULL, or None for another type.

    `kind` is the type of the column in PostgreSQL. The functions raise NotStorable.
    """
    if isinstance(kind, types.REAL):  # It would round the floats of SQLite.
        return None
    return next((make(kind) for classes, make in _MAKERS if isinstance(kind, classes)), None)


def canonical(value: Any, *, is_jsonb: bool) -> str:
    """Return a value in the form that is compared: the same for both databases."""
    if value is None:
        return "-"
    if is_jsonb:
        value = _sorted_json(value)
    elif isinstance(value, datetime):
        value = value.astimezone(UTC).isoformat() if value.tzinfo else value.isoformat()
    elif isinstance(value, Decimal):
        value = str(value.normalize())
    elif isinstance(value, bytes):
        value = value.hex()
    return f"{type(value).__name__}:{value}"


def _text(kind: Any) -> Convert:
    length = kind.length

    def convert(value: Any) -> str:
        if not isinstance(value, str):
            _refuse("is no text", value)
        if "\0" in value:
            raise NotStorable("has a NUL character, which PostgreSQL cannot store")
        if not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError:
                raise NotStorable("is no text in UTF-8") from None
        if length is not None and len(value) > length:
            raise NotStorable(f"has {len(value):,} characters, and the column holds {length:,}")
        return value

    return convert


def _choice(kind: Any) -> Convert:
    def convert(value: Any) -> Any:
        return value if value in kind.enums else _refuse("is none of the values", value)

    return convert


def _whole_number(limit: int) -> Callable[[Any], Convert]:
    def convert(value: Any) -> int:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if not isinstance(value, int):
            _refuse("is no whole number", value)
        if not -limit <= value < limit:
            _refuse("is too large a number", value)
        return value

    return lambda _kind: convert


def _boolean(value: Any) -> bool:
    return bool(value) if value in (0, 1) else _refuse("is neither 0 nor 1", value)


def _binary(value: Any) -> bytes:
    return value if isinstance(value, bytes) else _refuse("is no binary value", value)


def _float(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else _refuse("is no number", value)


def _decimal(kind: Any) -> Convert:
    step = None if kind.scale is None else Decimal(1).scaleb(-kind.scale)

    def convert(value: Any) -> Decimal:
        try:
            number = Decimal(str(value))
            return number if step is None else number.quantize(step)
        except InvalidOperation:
            _refuse("is no number that the column holds", value)

    return convert


def _json(value: Any) -> str:
    try:
        json.loads(value, parse_constant=_refuse_constant)
    except (TypeError, ValueError, RecursionError):
        _refuse("is no valid JSON", value)
    return _TEXT(value)


def _jsonb(value: Any) -> str:
    text = _json(value)
    if "\\u0000" in text.replace("\\\\", ""):
        raise NotStorable("has a NUL character, which PostgreSQL cannot store")
    return text


def _moment(kind: Any) -> Convert:
    def convert(value: Any) -> datetime:
        try:
            found = datetime.fromisoformat(value)
            # SQLite stores no zone, and the app writes UTC.
            aware = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
        except (TypeError, ValueError, OverflowError):
            _refuse("is no date with a time", value)
        return aware if kind.timezone else aware.replace(tzinfo=None)

    return convert


def _parsed(parse: Callable[[str], Any], problem: str) -> Callable[[Any], Convert]:
    def convert(value: Any) -> Any:
        try:
            return parse(value)
        except (TypeError, ValueError, AttributeError):
            _refuse(problem, value)

    return lambda _kind: convert


def _refuse(problem: str, value: Any) -> NoReturn:
    shown = ascii(value)
    raise NotStorable(f"{problem}: {shown[:LONGEST]}{'…' if len(shown) > LONGEST else ''}")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)  # NaN and Infinity are JSON for Python alone


def _sorted_json(text: str) -> str:
    def number(digits: str) -> str:
        return f"number {Decimal(digits).normalize()}"

    return json.dumps(json.loads(text, parse_int=number, parse_float=number), sort_keys=True)


_TEXT = _text(types.Text())

# The first matching class decides, so a subclass stands before its base class.
_MAKERS: tuple[tuple[Any, Callable[[Any], Convert]], ...] = (
    (types.Enum, _choice),
    (types.String, _text),
    (types.Boolean, lambda _kind: _boolean),
    (types.SmallInteger, _whole_number(SMALL)),
    (types.BigInteger, _whole_number(BIG)),
    (types.Integer, _whole_number(USUAL)),
    (types.Float, lambda _kind: _float),
    (types.Numeric, _decimal),
    (types.DateTime, _moment),
    (types.Date, _parsed(date.fromisoformat, "is no date")),
    (types.Time, _parsed(time.fromisoformat, "is no time")),
    (types.LargeBinary, lambda _kind: _binary),
    (types.Uuid, _parsed(UUID, "is no UUID")),
    (pg.JSONB, lambda _kind: _jsonb),
    (types.JSON, lambda _kind: _json),
)
