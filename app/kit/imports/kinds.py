"""The kinds of imports: how a line is read, what it does, and the words of the pages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import ColumnElement

from app.kit.audit.event import Actor
from app.kit.imports.lines import ImportLine
from app.kit.imports.models import ImportColumns

LEFT_OUT = "This line had a problem when the file was checked. Check the file again to import it."


class NotAllowed(Exception):
    """The owner may not import, or no longer. The message says why."""


class End(StrEnum):
    """The outcome of a line."""

    CREATED = "created"
    INVITED = "invited"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    PROBLEM = "problem"


@dataclass(slots=True)
class ImportOutcome:
    """The decision on a line."""

    row: ImportLine
    end: End

    def refuse(self, about: str, value: str, message: str) -> None:
        self.row.complain(about, value, message)
        self.end = End.PROBLEM


class ImportKind:
    """The import into one table. A feature derives a class, or declares a CsvImport."""

    name: str
    model: type[ImportColumns]
    key: str
    """The field that tells rows apart."""
    options: Sequence[str] = ()
    """The columns of the model that this kind alone has."""
    events: ClassVar[Mapping[str, str]]
    """The names of the events: started, finished, cancelled, deleted and downloaded."""
    may_impersonate: bool = True
    """Whether users may import while they are signed in as another user."""
    retried: tuple[type[Exception], ...] = ()
    """The errors with which another transaction makes a batch start over."""
    file_name: str
    """The name of a file that has none, and of the sample."""
    nouns: tuple[str, str]
    lead: str
    hint: str
    no_key: str
    """The error for a mapping that lacks the key."""
    repeated: str
    """The problem of a second line with a key, with {:,} for the number of the first."""
    kept: str
    """The words for the rows that stay when an import is deleted."""
    made: str = "created"
    """The word for new rows in the counts."""
    will: ClassVar[Mapping[str, str]]
    """The words for what will happen to the rows of each outcome."""
    ends: ClassVar[Mapping[str, str]]
    """The words for each outcome in the results."""

    def fields(self) -> Mapping[str, str]:
        """Return the labels of the fields that a column may hold."""
        raise NotImplementedError

    def names(self) -> Mapping[str, AbstractSet[str]]:
        """Return the usual names of the column of each field, in lower case without accents."""
        raise NotImplementedError

    def is_key(self, cell: str) -> bool:
        """Tell whether a cell surely holds a key, such as an email."""
        return False

    def lacks_key(self) -> str:
        """Return the error for a file in which no column surely holds keys, or ""."""
        return ""

    def sample(self) -> Sequence[Sequence[str]]:
        """Return the lines of an example that can be imported unchanged."""
        raise NotImplementedError

    def defaults(self, *, by: Any) -> dict[str, Any]:
        """Return the columns of a new import, with its mode and its options."""
        raise NotImplementedError

    def conditions(self) -> Sequence[ColumnElement[bool]]:
        """Return the conditions on the imports of this kind."""
        return ()

    def updates(self, mode: str) -> bool:
        """Tell whether a mode updates rows and nothing else."""
        return mode == "update"

    def reader(self, mapping: Mapping[str, int]) -> Callable[[int], ImportLine]:
        """Return a function that makes the empty line of a number. It reads one file."""
        raise NotImplementedError

    def check(self, plan: Any, rows: Sequence[Any], memory: list[Any]) -> Sequence[ImportOutcome]:
        """Decide on the lines of a batch. Raises NotAllowed.

        `plan` is the import when the work began, because other requests may change its row.
        `memory` is kept from batch to batch.
        """
        raise NotImplementedError

    def write(
        self, plan: Any, rows: Sequence[Any], position: int
    ) -> tuple[Sequence[ImportOutcome], bool]:
        """Lock rows, decide again, and write without a commit. Also return whether there is mail.

        Do no more than the check showed. `position` is the number of the first line. Raises
        NotAllowed.
        """
        raise NotImplementedError

    def hold(self, plan: Any, number: int, outcome: ImportOutcome) -> None:
        """Refuse a line, counted from 0, if the run would do more than the check showed.

        Since the check, the owner may have gained permissions, or new rows may exist. By default a
        line that the check left out stays left out.
        """
        if outcome.end != End.PROBLEM and leaves_out(plan, number):
            outcome.refuse("", "", LEFT_OUT)

    def note(self, left_out: bytearray, number: int, outcome: ImportOutcome) -> None:
        """Record the outcome of a line in `left_out`. By default this is one bit."""
        left_out.extend(bytes(number // 8 + 1 - len(left_out)))
        if outcome.end == End.PROBLEM:
            left_out[number // 8] |= 1 << number % 8

    def visible(self, *, by: Actor) -> Sequence[ColumnElement[bool]]:
        """Return the conditions on the imports that a user who may open the pages may see.

        Imports of other users are seen only after their start.
        """
        is_shown = self.model.started_at.is_not(None) | (self.model.actor_id == by.id)
        return [*self.conditions(), is_shown]


_kinds: dict[str, ImportKind] = {}


def register(kind: ImportKind) -> None:
    """Make a kind known, so that imports of its name can be run."""
    _kinds[kind.name] = kind


def named(name: str) -> ImportKind:
    """Return the kind of a name."""
    return _kinds[name]


def kind_of(row: ImportColumns) -> ImportKind:
    """Return the kind of an import. Raises NotAllowed if the app no longer has it."""
    if row.kind_name not in _kinds:
        raise NotAllowed("The app no longer imports into this list.")
    return _kinds[row.kind_name]


def leaves_out(plan: ImportColumns, number: int) -> bool:
    """Tell whether a line, counted from 0, had a problem at the confirmed check."""
    left_out = plan.left_out or b""
    return number // 8 < len(left_out) and bool(left_out[number // 8] >> number % 8 & 1)


def tally(outcomes: Iterable[ImportOutcome]) -> dict[str, int]:
    return dict(Counter(str(outcome.end) for outcome in outcomes))
