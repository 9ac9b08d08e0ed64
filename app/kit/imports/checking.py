"""Check every line of a file. This changes no row, only the import and its problems."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import delete, insert

from app.extensions import db
from app.kit import queue
from app.kit.imports import storage
from app.kit.imports.kinds import End, ImportOutcome, kind_of, tally
from app.kit.imports.lines import ImportLine, Problem
from app.kit.imports.models import ImportColumns, ImportState
from app.kit.operations import Overtaken, lifecycle

MOST_PROBLEMS = 10_000  # problems to list; further ones are only counted


def check_lines(
    plan: ImportColumns,
    state: ImportState,
    failure: str = "",
    known: Mapping[int, list[Problem]] | None = None,
) -> bool:
    """Check every line, save the problems, and tell whether there are any.

    This completes an import in the state CHECKING. A running import with problems goes back to
    CHECKED, with `failure` as the reason. `known` are problems by line that writing found. Raises
    Overtaken and queue.JobCancelled.
    """
    is_check = state == ImportState.CHECKING
    counts: Counter[str] = Counter()
    memory: list[Any] = []
    listed = done = 0
    left_out = bytearray()
    # A check always starts over. If a run has moved its position, another worker has it.
    change(plan, state, at=None if is_check else 0, position=0, counts={})
    forget_problems(plan)
    db.session.commit()
    for rows in storage.stored_rows(plan):
        at = done if is_check else 0
        change(plan, state, at=at, position=done + len(rows) if is_check else 0)
        outcomes = kind_of(plan).check(plan, rows, memory)
        _note(plan, outcomes, done, left_out, known or {}, is_run=not is_check)
        counts.update(tally(outcomes))
        listed += list_problems(plan, rows, MOST_PROBLEMS - listed)
        done += len(rows)
        db.session.commit()
        report(done, plan.lines, "checked")
    has_problems = counts[End.PROBLEM] > 0
    if is_check or has_problems:
        _finish(plan, state, failure, counts=dict(counts), left_out=bytes(left_out))
    return has_problems


def _note(
    plan: ImportColumns,
    outcomes: Sequence[ImportOutcome],
    first: int,
    left_out: bytearray,
    known: Mapping[int, list[Problem]],
    *,
    is_run: bool,
) -> None:
    """Record the outcomes of lines in `left_out`. The first line has the number `first`."""
    kind = kind_of(plan)
    for number, outcome in enumerate(outcomes, first):
        if is_run:
            kind.hold(plan, number, outcome)
        if outcome.end != End.PROBLEM and outcome.row.line in known:
            outcome.row.problems, outcome.end = known[outcome.row.line], End.PROBLEM
        kind.note(left_out, number, outcome)


def _finish(plan: ImportColumns, state: ImportState, failure: str, **values: Any) -> None:
    change(
        plan,
        state,
        state=ImportState.CHECKED,
        position=0,
        failure=failure,
        checks=plan.checks + 1,
        started_at=None,
        **values,
    )
    db.session.commit()


def forget_problems(plan: ImportColumns) -> None:
    """Delete the problems of an earlier check; the caller commits."""
    db.session.execute(
        delete(plan.problem).where(plan.problem.import_id == plan.id),
        execution_options={"synchronize_session": False},
    )


def list_problems(plan: ImportColumns, rows: Sequence[ImportLine], at_most: int) -> int:
    """Save at most `at_most` problems, and return their number; the caller commits."""
    found = [
        {
            "import_id": plan.id,
            "line": row.line,
            "field": problem.field,
            "value": problem.value,
            "message": problem.message,
        }
        for row in rows
        for problem in row.problems
    ][: max(0, at_most)]
    if found:
        db.session.execute(insert(plan.problem), found)
    return len(found)


def change(
    plan: ImportColumns, present: ImportState, *, at: int | None = None, **values: Any
) -> ImportColumns:
    """Lock an import that is in the state `present`, and change it. Raises Overtaken otherwise."""
    row = lifecycle.lock_for_batch(type(plan), plan.id, {present})
    if row.checks != plan.checks or at not in {None, row.position}:
        raise Overtaken
    for name, value in values.items():
        setattr(row, name, value)
    return row


def report(done: int, of: int, text: str) -> None:
    """Report the progress of the job. Raises queue.JobCancelled."""
    queue.report_progress(done, max(of, done, 1), text)
