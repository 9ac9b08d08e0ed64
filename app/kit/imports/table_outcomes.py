"""Decide on the lines of a file for a declared table, and notice changes of its rows."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.kit.imports.kinds import LEFT_OUT, End, ImportOutcome, kind_of
from app.kit.imports.models import ImportColumns
from app.kit.imports.table_lines import TableLine

MARK = 4  # bytes
NEW, LEFT = 1, 2  # marks of lines without a row to change
NOT_THERE = "No {} has this value, and this import only updates {}."
SEVERAL = "Several {} have this value. Change them on their pages."
OVERTAKEN = "This {} was added, changed or deleted since the check. Check the file again."


@dataclass(slots=True)
class TableOutcome(ImportOutcome):
    """The decision on a line: the row that it changes, the values, and a mark of the row."""

    row: TableLine
    target: Any = None
    values: Any = None
    mark: int = 0


def decide(plan: ImportColumns, row: TableLine, found: Sequence[Any]) -> TableOutcome:
    """Decide on a line. `found` are the rows with its key."""
    kind = kind_of(plan)
    one, many = kind.nouns
    outcome = TableOutcome(row, End.PROBLEM)
    if row.problems:
        return outcome
    if len(found) > 1:
        row.complain(kind.key, row.label, SEVERAL.format(many))
    elif not found and kind.updates(plan.mode):
        row.complain(kind.key, row.label, NOT_THERE.format(one, many))
    elif not found:
        outcome.end, outcome.mark = End.CREATED, NEW
        _take(outcome, row.errors, row.values)
    elif not plan.update_existing:
        outcome.end, outcome.mark = End.UNCHANGED, LEFT
    else:
        _decide_on_update(outcome, found[0])
    return outcome


def hold(plan: ImportColumns, number: int, outcome: TableOutcome) -> None:
    """Refuse a line, counted from 0, if its mark is not that of the check."""
    mark = int.from_bytes((plan.left_out or b"")[number * MARK : (number + 1) * MARK])
    if outcome.end != End.PROBLEM and outcome.mark != mark:
        outcome.refuse("", "", OVERTAKEN.format(kind_of(plan).nouns[0]) if mark else LEFT_OUT)


def note(left_out: bytearray, outcome: TableOutcome) -> None:
    """Add the mark of a line, which is 0 for a line with a problem."""
    mark = 0 if outcome.end == End.PROBLEM else outcome.mark
    left_out += mark.to_bytes(MARK)


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
