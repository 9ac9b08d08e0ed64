"""Run the nightly clean-up, to which each part of the application adds a step."""

from collections.abc import Callable
from typing import Any, cast

from sqlalchemy import ColumnElement, CursorResult, delete

from app.extensions import db
from app.kit.attempts import PasswordGuesses
from app.kit.database import now

_STEPS: dict[str, Callable[[], int]] = {}
_LAST: dict[str, Callable[[], int]] = {}


def nightly(name: str, purge: Callable[[], int], *, last: bool = False) -> None:
    """Register `purge` for the nightly clean-up. It commits and returns the number of rows.

    A step that is `last` deletes what the other steps leave behind.
    """
    (_LAST if last else _STEPS)[name] = purge


def run() -> dict[str, int]:
    """Run every step, and return the number of deleted rows by name."""
    return {name: purge() for name, purge in (_STEPS | _LAST).items()}


def delete_rows(model: type[Any], *conditions: ColumnElement[bool]) -> int:
    """Delete the rows of a model that meet all conditions, commit, and return their number."""
    result = db.session.execute(delete(model).where(*conditions))
    db.session.commit()
    return cast("CursorResult[Any]", result).rowcount


def purge_guesses() -> int:
    """Delete the counters of attempts whose windows are over, and return their number."""
    at = now()
    ends = (PasswordGuesses.short_ends_at, PasswordGuesses.long_ends_at)
    return delete_rows(PasswordGuesses, *(end < at for end in ends))


nightly("guesses", purge_guesses)
