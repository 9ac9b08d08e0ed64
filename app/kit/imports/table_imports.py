"""Imports into declared tables: each line calls the services that the pages of a row call."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

from sqlalchemy import ColumnElement, select
from sqlalchemy.exc import IntegrityError

from app.extensions import db
from app.kit import clean_up
from app.kit.audit.savepoints import savepoint
from app.kit.imports import lifecycle
from app.kit.imports.columns import plain
from app.kit.imports.csv_import import CsvImport
from app.kit.imports.kinds import LEFT_OUT, End, ImportKind, ImportOutcome, ImportPlan, NotAllowed
from app.kit.imports.lines import ImportLine
from app.kit.imports.table_models import TableImport
from app.kit.operations import Stop, tables
from app.kit.operations.tables import Where
from app.kit.tables import paging
from app.kit.tables.actions import RowRefused
from app.kit.tables.table import Table
from app.kit.web.line_forms import LineForm

MARK = 4  # bytes
NEW, LEFT = 1, 2  # marks of lines without a row to change
NOT_THERE = "No {} has this value, and this import only updates {}."
SEVERAL = "Several {} have this value. Change them on their pages."
OVERTAKEN = "This {} was added, changed or deleted since the check. Check the file again."
REFUSED = "The database refuses this line. Does a value belong to another {}, or was a row deleted?"


def purge() -> int:
    """Delete imports of tables that were not used for KEEP_IMPORTS days, and return their number.

    Imports of purged users are deleted as well.
    """
    return lifecycle.purge(TableImport, tables.is_of_nobody(TableImport))


clean_up.nightly("imports into tables", purge)


@dataclass(slots=True)
class TableLine(ImportLine):
    """A line of a file for a declared table. `cells` has the texts that are not empty."""

    reader: LineForm = field(kw_only=True)
    key_field: str = field(kw_only=True)
    cells: dict[str, str] = field(default_factory=dict)
    errors: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """The errors of the line as a new row, which may be none for a row that is there."""
    value: Any = None
    """The value of the key."""
    values: Any = None
    """The values of a new row, if there are no errors."""

    @property
    def key(self) -> str:
        return "" if self.value is None else str(self.value)

    @property
    def label(self) -> str:
        return self.cells.get(self.key_field, "")[:100]

    def take(self, name: str, text: str) -> None:
        if text and name in self.reader.fields:
            self.cells[name] = text

    def finish(self) -> None:
        if self.problems:
            return
        self.errors = self.reader.read(self.cells)
        self.values = None if self.errors else self.reader.form.values()
        if self.key_field not in self.errors:
            self.value = self.reader.form[self.key_field].data
        if self.value in (None, ""):
            self.value = None
            words = self.errors.get(self.key_field) or ["This line has no value for the key."]
            self.complain(self.key_field, self.label, words[0])

    def complain_about(self, errors: Mapping[Any, Sequence[str]]) -> None:
        """Turn the errors of the form into problems of the line."""
        for name, messages in errors.items():
            for message in messages:
                self.complain(str(name or ""), self.cells.get(name, ""), message)


@dataclass(slots=True)
class TableOutcome(ImportOutcome):
    """The decision on a line: the row that it changes, the values, and a mark of the row."""

    row: TableLine
    target: Any = None
    values: Any = None
    mark: int = 0


@dataclass
class TableImportKind(ImportKind):
    """The import into a declared table.

    `allows` tells whether a user may open the table, and `where` returns the conditions on the rows
    that the user may change.
    """

    table: Table
    allows: Callable[[Any], bool]
    where: Where

    model = TableImport
    events: ClassVar = {
        "started": "table_import.started",
        "finished": "table_import.finished",
        "cancelled": "table_import.cancelled",
        "deleted": "table_import.deleted",
        "downloaded": "table_import.downloaded",
    }
    may_impersonate = False
    repeated = "Line {:,} has the same value."
    ends: ClassVar = {
        "created": "Added",
        "updated": "Updated",
        "unchanged": "Left as it is",
        "problem": "Not imported",
    }
    will: ClassVar = {
        "created": "will be added",
        "updated": "will be updated",
        "unchanged": "will be left as they are",
    }

    def __post_init__(self) -> None:
        self.name, self.nouns = self.table.endpoint, self.table.nouns
        self.key = self.declared.key
        self.file_name = f"{self.nouns[1].replace(' ', '-')}.csv"
        self.lead = f"Add or update many {self.nouns[1]} at once, from a table."
        self.kept = f"The {self.nouns[1]} that were imported"

    @property
    def declared(self) -> CsvImport:
        """The declaration, which the table has."""
        found = self.table.imports
        if found is None:
            raise self.table.mistake("its import has pages, but `imports` declares none.")
        return found

    def fields(self) -> Mapping[str, str]:
        return LineForm(self.declared).labels()

    @property
    def hint(self) -> str:  # type: ignore[override]
        labels = dict(self.fields())
        key = labels.pop(self.key)
        others = ", ".join(labels.values())
        one, many = self.nouns
        return (
            f"A CSV file with one line for each {one}, and a column {key} that tells {many} apart."
            f" It may also hold: {others}."
        )

    @property
    def no_key(self) -> str:  # type: ignore[override]
        return f"Choose the column that tells {self.nouns[1]} apart, and use each column once."

    @cached_property
    def _known(self) -> dict[str, set[str]]:
        known = {}
        for name, label in self.fields().items():
            alike = {name, name.removesuffix("_id"), label, *self.declared.names.get(name, ())}
            columns = [one.label for one in self.table.all_columns if one.name in alike]
            known[name] = {plain(one) for one in (*alike, *columns)}
        return known

    def names(self) -> Mapping[str, set[str]]:
        return self._known

    def sample(self) -> Sequence[Sequence[str]]:
        return [list(self.fields().values())]

    def conditions(self) -> Sequence[ColumnElement[bool]]:
        return [TableImport.endpoint == self.table.endpoint]

    def defaults(self, *, by: Any) -> dict[str, Any]:
        return {"endpoint": self.table.endpoint, "mode": "create", "update_existing": True}

    def reader(self, mapping: Mapping[str, int]) -> Callable[[int], TableLine]:
        form = LineForm(self.declared)
        return lambda line: TableLine(line, reader=form, key_field=self.key)

    def may_see(self, row: Any, *, by: Any) -> bool:
        return row.actor_id == by.id or (row.is_shown_to(by.id) and not self.where(by))

    def hold(self, plan: ImportPlan, number: int, outcome: Any) -> None:
        mark = int.from_bytes(plan.left_out[number * MARK : (number + 1) * MARK])
        if outcome.end != End.PROBLEM and outcome.mark != mark:
            outcome.refuse("", "", OVERTAKEN.format(self.nouns[0]) if mark else LEFT_OUT)

    def note(self, left_out: bytearray, number: int, outcome: Any) -> None:
        mark = 0 if outcome.end == End.PROBLEM else outcome.mark
        left_out += mark.to_bytes(MARK)

    def check(
        self, plan: ImportPlan, rows: Sequence[TableLine], memory: list[Any]
    ) -> list[TableOutcome]:
        return self._decide(plan, rows, self._owner(plan))

    def write(
        self, plan: ImportPlan, rows: Sequence[TableLine], position: int
    ) -> tuple[Sequence[TableOutcome], bool]:
        by = self._owner(plan)
        outcomes = self._decide(plan, rows, by, is_locked=True)
        for number, outcome in enumerate(outcomes, position):
            self.hold(plan, number, outcome)
        with tables.origin_of(plan.provenance):
            try:
                with savepoint():
                    self._write_all(outcomes, by)
            except (RowRefused, IntegrityError):
                # A savepoint for each line costs twice the time, so do without until one is needed.
                for outcome in outcomes:
                    self._write_carefully(outcome, by)
        return outcomes, True

    def _owner(self, plan: ImportPlan) -> Any:
        try:
            by = tables.owner(plan.actor_id)
        except Stop:
            raise NotAllowed(
                "The account of the user who imports was suspended or deleted."
            ) from None
        if not self.allows(by):
            raise NotAllowed("The user who imports may no longer open this list.")
        return by

    def _decide(
        self, plan: ImportPlan, rows: Sequence[TableLine], by: Any, *, is_locked: bool = False
    ) -> list[TableOutcome]:
        found = self._find([row.value for row in rows if row.value is not None], by, is_locked)
        return [self._decide_on(plan, row, found.get(row.value, [])) for row in rows]

    def _decide_on(self, plan: ImportPlan, row: TableLine, found: Sequence[Any]) -> TableOutcome:
        one, many = self.nouns
        outcome = TableOutcome(row, End.PROBLEM)
        if row.problems:
            return outcome
        if len(found) > 1:
            row.complain(self.key, row.label, SEVERAL.format(many))
        elif not found and self.updates(plan.mode):
            row.complain(self.key, row.label, NOT_THERE.format(one, many))
        elif not found:
            outcome.end, outcome.mark = End.CREATED, NEW
            _take(outcome, row.errors, row.values)
        elif not plan.update_existing:
            outcome.end, outcome.mark = End.UNCHANGED, LEFT
        else:
            _decide_on_update(outcome, found[0])
        return outcome

    def _find(self, keys: Sequence[Any], by: Any, is_locked: bool) -> dict[Any, list[Any]]:
        """Return the rows of the user by their keys."""
        column = getattr(self.table.model, self.key)
        query = select(self.table.model).where(column.in_(keys), *self.table.where, *self.where(by))
        if is_locked:
            query = query.with_for_update(of=self.table.model, key_share=True)
        query = query.options(*paging.loaders(self.table, set(self.fields())))
        query = query.execution_options(populate_existing=True)
        found: dict[Any, list[Any]] = {}
        for row in db.session.scalars(query.order_by(self.table.identity)):
            found.setdefault(getattr(row, self.key), []).append(row)
        return found

    def _write_all(self, outcomes: Sequence[TableOutcome], by: Any) -> None:
        if new := [one.values for one in outcomes if one.end == End.CREATED]:
            self.declared.add(new, by=by)
        for outcome in outcomes:
            if outcome.end == End.UPDATED:
                self.declared.change(outcome.target, outcome.values, by=by)

    def _write_carefully(self, outcome: TableOutcome, by: Any) -> None:
        """Write one line. If that fails, it alone is undone, and becomes a problem."""
        try:
            with savepoint() if outcome.end != End.PROBLEM else nullcontext():
                self._write_all([outcome], by)
        except RowRefused as refusal:
            outcome.refuse("", "", str(refusal)[:255])
        except IntegrityError:
            outcome.refuse("", "", REFUSED.format(self.nouns[0]))


def _decide_on_update(outcome: TableOutcome, target: Any) -> None:
    reader, cells = outcome.row.reader, outcome.row.cells
    typed = reader.typed(target)
    outcome.target, outcome.end = target, End.UPDATED
    # The mark tells the run whether the row is still as the check saw it.
    outcome.mark = zlib.crc32(repr(typed).encode()) | 4
    before = reader.form.values()
    errors = reader.read(cells, typed)
    _take(outcome, errors, None if errors else reader.form.values())
    if outcome.end == End.UPDATED and outcome.values == before:
        outcome.end = End.UNCHANGED


def _take(outcome: TableOutcome, errors: Mapping[Any, Sequence[str]], values: Any) -> None:
    """Take the values of a line, or its errors."""
    if errors:
        outcome.row.complain_about(errors)
        outcome.end = End.PROBLEM
    else:
        outcome.values = values
