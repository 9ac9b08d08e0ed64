"""Check and import a file in batches.

Each batch is one transaction, which also moves the import's position. So a run may be killed and
restarted, even twice at once: a worker that finds the position moved stops.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from sqlalchemy import insert, inspect
from sqlalchemy.exc import OperationalError

from app.extensions import db
from app.kit import queue
from app.kit.database import now
from app.kit.database.pauses import let_others_write
from app.kit.imports import checking, storage, trail
from app.kit.imports.checking import (
    change,
    check_lines,
    forget_problems,
    list_problems,
    report,
)
from app.kit.imports.encodings import Unreadable
from app.kit.imports.kinds import End, ImportOutcome, NotAllowed, kind_of, tally
from app.kit.imports.models import ImportColumns, ImportState
from app.kit.operations import Overtaken, lifecycle

BEEN_CHANGED = "Some lines that passed the check now have problems. Nothing was imported."


class _HasProblems(Exception):
    """The first batch has a problem, so nothing must be written."""


def work(model: type[ImportColumns], import_id: int) -> dict[str, int]:
    """Finish the check or the run of an import, and return the number of lines by outcome.

    It is safe to call this repeatedly.
    """
    row = db.session.get(model, import_id, populate_existing=True)
    if row is None or not row.is_open:
        db.session.commit()
        return {}
    # Other requests may change the row, so the work has a copy of it.
    plan = model(**{one.key: getattr(row, one.key) for one in inspect(model).column_attrs})
    db.session.commit()
    try:
        kind_of(plan)  # If the app has it no longer, nothing is written.
        with lifecycle.ends_with_its_job(model, import_id):
            if plan.state == ImportState.CHECKING:
                check_lines(plan, ImportState.CHECKING)
            else:
                _run(plan)
    except Overtaken:
        db.session.rollback()
    except (NotAllowed, Unreadable) as problem:
        lifecycle.end(model, import_id, ImportState.FAILED, failure=str(problem))
    found = db.session.get(model, import_id, populate_existing=True)
    counts = dict(found.counts) if found else {}
    db.session.commit()
    return counts


# Running


def _run(plan: ImportColumns) -> None:
    position, counts = plan.position, Counter(plan.counts)
    listed = counts[End.PROBLEM]
    if (
        not plan.keep_good
        and position == 0
        and check_lines(plan, ImportState.RUNNING, BEEN_CHANGED)
    ):
        return
    if position == 0:
        _forget_check(plan)
        counts, listed = Counter(), 0
    done = 0
    for batch in storage.stored_rows(plan):
        done += len(batch)
        if done <= position:
            continue
        rows = batch[position - done :]
        try:
            counts = _write_with_retries(
                plan, rows, position, counts, checking.MOST_PROBLEMS - listed
            )
        except _HasProblems:
            db.session.rollback()
            known = {row.line: row.problems for row in rows if row.problems}
            check_lines(plan, ImportState.RUNNING, BEEN_CHANGED, known)
            return
        position, listed = done, counts[End.PROBLEM]
        report(done, plan.lines, f"{counts[End.PROBLEM]:,} with problems")
        let_others_write()
    _finish(plan, position, counts)


def _forget_check(plan: ImportColumns) -> None:
    """Delete the counts and problems of the check, because those of the run may differ."""
    change(plan, ImportState.RUNNING, at=0, counts={})
    forget_problems(plan)
    db.session.commit()


def _write_with_retries(
    plan: ImportColumns, rows: list[Any], position: int, counts: Counter[str], at_most: int
) -> Counter[str]:
    """Write a batch and return the new counts. Retry if the database is busy."""
    kept = [list(row.problems) for row in rows]

    def attempt() -> Counter[str]:
        for row, problems in zip(rows, kept, strict=True):
            row.problems = list(problems)
        return _write(plan, rows, position, counts, at_most)

    return lifecycle.retry(attempt, on=(OperationalError, *kind_of(plan).retried))


def _write(
    plan: ImportColumns, rows: list[Any], position: int, counts: Counter[str], at_most: int
) -> Counter[str]:
    # Lock the import first, so that a second worker with the same import waits only here.
    change(plan, ImportState.RUNNING, at=position, position=position + len(rows))
    outcomes, has_mail = kind_of(plan).write(plan, rows, position)
    is_good = all(outcome.end != End.PROBLEM for outcome in outcomes)
    if not (plan.keep_good or position or is_good):
        raise _HasProblems
    counts = counts + Counter(tally(outcomes))
    list_problems(plan, rows, at_most)
    done = {"import_id": plan.id, "position": position + len(rows), "lines": _lines_of(outcomes)}
    db.session.execute(insert(plan.result), [done])
    change(plan, ImportState.RUNNING, counts=dict(counts))
    db.session.commit()
    if has_mail:
        queue.enqueue("drain_outbox")
    return counts


def _lines_of(outcomes: Sequence[ImportOutcome]) -> list[list[Any]]:
    return [
        [
            outcome.row.line,
            str(outcome.end),
            outcome.row.label,
            " ".join(problem.message for problem in outcome.row.problems),
        ]
        for outcome in outcomes
    ]


def _finish(plan: ImportColumns, position: int, counts: Counter[str]) -> None:
    change(
        plan,
        ImportState.RUNNING,
        at=position,
        state=ImportState.FINISHED,
        finished_at=now(),
        counts=dict(counts),
    )
    storage.drop(plan)
    trail.note(plan, "finished", **dict(counts))
    db.session.commit()
