"""Count attempts in the database, so that all processes share the limits.

Each attempt is counted before it is made, in one statement, so concurrent attempts cannot pass the
limit together. Redis is not used.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, cast

from flask import current_app, g
from sqlalchemy import Integer, String, and_, bindparam, case, or_, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.sql.dml import ReturningInsert

from app.extensions import db, is_sqlite
from app.kit.database import UtcDateTime, now

QUARTER_OF_AN_HOUR = timedelta(minutes=15)


class PasswordGuesses(db.Model):
    """The number of attempts under one key, in a short and in a long window."""

    __tablename__ = "password_guesses"

    # The key is a keyed hash, so the table identifies no user.
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    short_count: Mapped[int] = mapped_column(default=0)
    short_ends_at: Mapped[datetime] = mapped_column(UtcDateTime)
    long_count: Mapped[int] = mapped_column(default=0)
    long_ends_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


@dataclass(frozen=True)
class Limit:
    """The number of attempts allowed in a quarter of an hour, and in a longer window."""

    name: str
    soon: int
    later: int
    later_is: timedelta


class TooMany(Exception):
    """The limit allows no further attempt."""

    def __init__(self, limit: Limit) -> None:
        super().__init__(limit.name)
        self.limit = limit


def key_of(limit: Limit, about: str) -> str:
    """Return the key of a counter: a keyed hash, so that the table identifies no user."""
    secret = current_app.config["SECRET_KEY"].encode()
    return hmac.digest(secret, f"{limit.name}|{about}".encode(), hashlib.sha256).hex()


def begin() -> None:
    """Turn off synchronous commit on PostgreSQL, because losing a count in a crash is harmless."""
    if not is_sqlite():
        db.session.execute(text("SET LOCAL synchronous_commit TO off"))


def count(limit: Limit, key: str, *, step: int = 1) -> int:
    """Add `step` to a counter and return the count of its short window.

    Raises TooMany, and rolls back, if the limit is reached. The request notes the key.
    """
    at = now()
    values: dict[str, datetime | int | str] = {
        "its_key": key,
        "step": step,
        "at": at,
        "soon": limit.soon,
        "later": limit.later,
        "soon_ends": at + QUARTER_OF_AN_HOUR,
        "later_ends": at + limit.later_is,
    }
    counted = db.session.connection().execute(_statement(is_sqlite=is_sqlite()), values).scalar()
    if counted is None:
        db.session.rollback()
        raise TooMany(limit)
    g.setdefault("counted", []).extend([key] * step)
    return int(counted)


def take_back(keys: Iterable[str]) -> None:
    """Subtract one attempt from each counter. The caller commits."""
    _change(_LESS, keys)


def reset(keys: Iterable[str]) -> None:
    """Set each counter to zero. The caller commits."""
    _change(_NONE, keys)


def _change(statement: Any, keys: Iterable[str]) -> None:
    # The rows are locked in the order in which they were counted, which avoids deadlocks.
    if values := [{"its_key": key} for key in keys]:
        db.session.connection().execute(statement, values)


@cache
def _statement(*, is_sqlite: bool) -> ReturningInsert[int]:
    """Return the statement that increments a counter. It returns no row if the limit is reached."""
    columns, at = _TABLE.c, bindparam("at", type_=UtcDateTime)
    step = bindparam("step", type_=Integer)
    soon_ends, later_ends = (bindparam(n, type_=UtcDateTime) for n in ("soon_ends", "later_ends"))
    soon_is_over, later_is_over = columns.short_ends_at <= at, columns.long_ends_at <= at
    new = (sqlite.insert if is_sqlite else postgresql.insert)(PasswordGuesses).values(
        key=bindparam("its_key"),
        short_count=step,
        short_ends_at=soon_ends,
        long_count=step,
        long_ends_at=later_ends,
    )
    counted: Any = new.on_conflict_do_update(
        index_elements=["key"],
        set_={
            "short_count": case((soon_is_over, step), else_=columns.short_count + step),
            "short_ends_at": case((soon_is_over, soon_ends), else_=columns.short_ends_at),
            "long_count": case((later_is_over, step), else_=columns.long_count + step),
            "long_ends_at": case((later_is_over, later_ends), else_=columns.long_ends_at),
        },
        where=and_(
            or_(soon_is_over, columns.short_count < bindparam("soon")),
            or_(later_is_over, columns.long_count < bindparam("later")),
        ),
    )
    return cast("ReturningInsert[int]", counted.returning(columns.short_count))


_TABLE = PasswordGuesses.__table__
_IS_MINE = _TABLE.c.key == bindparam("its_key")
_NONE = update(_TABLE).where(_IS_MINE).values(short_count=0, long_count=0)
_LESS = (
    update(_TABLE)
    .where(_IS_MINE, _TABLE.c.short_count > 0, _TABLE.c.long_count > 0)
    .values(short_count=_TABLE.c.short_count - 1, long_count=_TABLE.c.long_count - 1)
)
