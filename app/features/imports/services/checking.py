"""Check every line of a file. This changes no user, only the import and its problems."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, insert

from app.extensions import db
from app.features.imports.models import ImportProblem, ImportState, PeopleImport
from app.features.imports.services import storage
from app.features.imports.services.deciding import End, ImportPlan, Rules, find, tally
from app.features.imports.services.rows import Row
from app.kit import queue
from app.kit.operations import LetGo, lifecycle

MOST_PROBLEMS = 10_000  # problems to list; further ones are only counted


def survey(plan: ImportPlan, state: ImportState, failure: str = "") -> bool:
    """Check every line, save the problems, and tell whether there are any.

    This completes an import in the state CHECKING. A running import with problems goes back to
    CHECKED, with `failure` as the reason. Raises LetGo and queue.JobCancelled.
    """
    counts: Counter[str] = Counter()
    demoted: list[int] = []
    listed = done = 0
    left_out = bytearray()
    is_check = state == ImportState.CHECKING
    # A check always starts over. If a run has moved its position, another worker has it.
    change(plan, state, at=None if is_check else 0, position=0, counts={})
    forget_problems(plan)
    db.session.commit()
    for rows in storage.stored_rows(plan):
        at = done if is_check else 0
        change(plan, state, at=at, position=done + len(rows) if is_check else 0)
        rules, people = Rules(plan, demoted), find(rows)
        outcomes = [rules.decide(row, people.get(row.email)) for row in rows]
        counts.update(tally(outcomes))
        left_out.extend(bytes((done + len(rows)) // 8 + 1 - len(left_out)))
        for number, outcome in enumerate(outcomes, done):
            if outcome.end == End.PROBLEM:
                left_out[number // 8] |= 1 << number % 8
        listed += list_problems(plan, rows, MOST_PROBLEMS - listed)
        done += len(rows)
        db.session.commit()
        report(done, plan.lines, "checked")
    has_problems = counts[End.PROBLEM] > 0
    if is_check or has_problems:
        change(
            plan,
            state,
            state=ImportState.CHECKED,
            position=0,
            counts=dict(counts),
            left_out=bytes(left_out),
            failure=failure,
            checks=plan.checks + 1,
            started_at=None,
        )
        db.session.commit()
    return has_problems


def forget_problems(plan: ImportPlan) -> None:
    """Delete the problems of an earlier check; the caller commits."""
    db.session.execute(
        delete(ImportProblem).where(ImportProblem.import_id == plan.id),
        execution_options={"synchronize_session": False},
    )


def list_problems(plan: ImportPlan, rows: Sequence[Row], at_most: int) -> int:
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
        db.session.execute(insert(ImportProblem), found)
    return len(found)


def change(
    plan: ImportPlan, present: ImportState, *, at: int | None = None, **values: Any
) -> PeopleImport:
    """Lock an import that is in the state `present`, and change it. Raises LetGo otherwise."""
    row = lifecycle.claim(PeopleImport, plan.id, {present})
    if row.checks != plan.checks or at not in {None, row.position}:
        raise LetGo
    for name, value in values.items():
        setattr(row, name, value)
    return row


def report(done: int, of: int, text: str) -> None:
    """Report the progress of the job. Raises queue.JobCancelled."""
    queue.report_progress(done, max(of, done, 1), text)
