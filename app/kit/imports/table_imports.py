"""Imports into declared tables: each line calls the services that the pages of a row call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from sqlalchemy import ColumnElement, select
from sqlalchemy.exc import IntegrityError

from app.extensions import db
from app.kit import clean_up
from app.kit.audit.savepoints import savepoint
from app.kit.imports import lifecycle, table_outcomes
from app.kit.imports.columns import plain
from app.kit.imports.csv_import import CsvImport
from app.kit.imports.kinds import End, ImportKind, NotAllowed
from app.kit.imports.table_lines import TableLine
from app.kit.imports.table_models import TableImport
from app.kit.imports.table_outcomes import TableOutcome
from app.kit.operations import Stop, owners, tables
from app.kit.operations.tables import Where
from app.kit.tables import paging
from app.kit.tables.actions import RowRefused
from app.kit.tables.table import Table
from app.kit.web.operations.line_forms import LineForm

REFUSED = "The database refuses this line. Does a value belong to another {}, or was a row deleted?"


def purge() -> int:
    """Delete imports of tables that were not used for KEEP_IMPORTS days, and return their number.

    Imports of purged users are deleted as well.
    """
    return lifecycle.purge(TableImport, owners.is_of_nobody(TableImport))


clean_up.nightly("imports into tables", purge)


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
    made = "added"
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
        hint = (
            f"A CSV file with one line for each {one}, and a column {key} that tells {many} apart."
            f" It may also hold: {others}."
        )
        if files := LineForm(self.declared).files:
            hint += f" It holds no files: add them on the page of each {one} ({', '.join(files)})."
        return hint

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

    def visible(self, *, by: Any) -> Sequence[ColumnElement[bool]]:
        own = [TableImport.actor_id == by.id] if self.where(by) else []
        return [*super().visible(by=by), *own]

    def hold(self, plan: TableImport, number: int, outcome: Any) -> None:
        table_outcomes.hold(plan, number, outcome)

    def note(self, left_out: bytearray, number: int, outcome: Any) -> None:
        table_outcomes.note(left_out, outcome)

    def check(
        self, plan: TableImport, rows: Sequence[TableLine], memory: list[Any]
    ) -> list[TableOutcome]:
        return self._decide(plan, rows, self._owner(plan))

    def write(
        self, plan: TableImport, rows: Sequence[TableLine], position: int
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

    def _owner(self, plan: TableImport) -> Any:
        try:
            by = owners.owner(plan.actor_id)
        except Stop:
            raise NotAllowed(
                "The account of the user who imports was suspended or deleted."
            ) from None
        if not self.allows(by):
            raise NotAllowed("The user who imports may no longer open this list.")
        return by

    def _decide(
        self, plan: TableImport, rows: Sequence[TableLine], by: Any, *, is_locked: bool = False
    ) -> list[TableOutcome]:
        found = self._find([row.value for row in rows if row.value is not None], by, is_locked)
        return [table_outcomes.decide(plan, row, found.get(row.value, [])) for row in rows]

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
