"""The kinds of bulk operations: what can be done, and to which rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from app.kit.operations.models import BulkColumns


class Stop(Exception):
    """The operation may not continue. The message is a key of `Kind.stop_reasons`."""


@dataclass(frozen=True)
class BatchOutcome:
    """The number of rows that a batch processed, and the reason for each row that it left out."""

    done: int = 0
    left_out: Mapping[int, str] = field(default_factory=dict)
    has_mail: bool = False


class Kind:
    """The actions that can be done in bulk to rows of one table. A feature derives a class."""

    name: str
    events: ClassVar[Mapping[str, str]]
    """The names of the events: confirmed, continued, stopped and downloaded."""
    headers: Sequence[str]
    """The columns of the result that describe a row."""
    reasons: ClassVar[Mapping[str, str]] = {}
    """The words for the reasons to leave a row out."""
    stop_reasons: ClassVar[Mapping[str, str]] = {}

    def event(self, operation: BulkColumns, verb: str) -> str:
        """Return the name of an event: `verb` is a key of `events`."""
        return self.events[verb]

    def details(self, operation: BulkColumns) -> dict[str, Any]:
        """Return the details of the event of a confirmation."""
        raise NotImplementedError

    def done(self, operation: BulkColumns) -> str:
        """Return the word for a processed row, as in "suspended"."""
        raise NotImplementedError

    def do(self, operation: BulkColumns, ids: Sequence[int]) -> BatchOutcome:
        """Check the rules again and process the rows of a locked operation, without a commit.

        Raises Stop.
        """
        raise NotImplementedError

    def shown(self, ids: Sequence[int]) -> Sequence[Any]:
        """Return the rows to name in a preview."""
        raise NotImplementedError

    def described(self, ids: Sequence[int]) -> Mapping[int, Sequence[str]]:
        """Return the cells below `headers` for each row that still exists."""
        raise NotImplementedError


_kinds: dict[str, Kind] = {}


def register(kind: Kind) -> None:
    """Make a kind known, so that operations of its name can be run."""
    _kinds[kind.name] = kind


def kind_of(operation: BulkColumns) -> Kind:
    """Return the kind of an operation. Raises Stop if the app no longer has it."""
    return named(operation.kind_name)


def named(name: str) -> Kind:
    """Return the kind of a name. Raises Stop if the app no longer has it."""
    if name not in _kinds:
        raise Stop("action_gone")
    return _kinds[name]
