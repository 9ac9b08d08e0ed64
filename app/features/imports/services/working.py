"""Check and import a file in batches.

Each batch is one transaction, which also moves the import's position. So a run may be killed and
restarted, even twice at once: a worker that finds the position moved stops.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError, OperationalError

from app.extensions import db, let_others_write
from app.features.imports.models import ImportResult, ImportState, PeopleImport
from app.features.imports.services import checking, storage, trail, writing
from app.features.imports.services.checking import (
    change,
    forget_problems,
    list_problems,
    report,
    survey,
)
from app.features.imports.services.deciding import (
    End,
    ImportPlan,
    LineOutcome,
    NotAllowed,
    Rules,
    find,
    tally,
)
from app.features.imports.services.rows import Row
from app.features.imports.services.unreadable import Unreadable
from app.kit import names, queue
from app.kit.database import now
from app.kit.operations import LetGo, lifecycle
from app.services import policy
from app.services.policy import RoleGone

BEEN_CHANGED = "Some lines that passed the check now have problems. Nothing was imported."


class _HasProblems(Exception):
    """The first batch has a problem, so nothing must be written."""


def work(import_id: int) -> dict[str, int]:
    """Finish the check or the run of an import, and return the number of lines by outcome.

    It is safe to call this repeatedly.
    """
    row = db.session.get(PeopleImport, import_id, populate_existing=True)
    if row is None or not row.is_open:
        db.session.commit()
        return {}
    state, plan = row.state, ImportPlan.of(row)
    db.session.commit()
    try:
        with lifecycle.ends_with_its_job(PeopleImport, import_id):
            if state == ImportState.CHECKING:
                survey(plan, ImportState.CHECKING)
            else:
                _run(plan)
    except LetGo:
        db.session.rollback()
    except (NotAllowed, Unreadable) as problem:
        lifecycle.end(PeopleImport, import_id, ImportState.FAILED, failure=str(problem))
    found = db.session.get(PeopleImport, import_id, populate_existing=True)
    counts = dict(found.counts) if found else {}
    db.session.commit()
    return counts


# Running


def _run(plan: ImportPlan) -> None:
    row = db.session.get_one(PeopleImport, plan.id)
    position, counts = row.position, Counter(row.counts)
    listed = counts[End.PROBLEM]
    db.session.commit()
    if not plan.keep_good and position == 0 and survey(plan, ImportState.RUNNING, BEEN_CHANGED):
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
            counts = _insist(plan, rows, position, counts, checking.MOST_PROBLEMS - listed)
        except _HasProblems:
            db.session.rollback()
            survey(plan, ImportState.RUNNING, BEEN_CHANGED)
            return
        position, listed = done, counts[End.PROBLEM]
        report(done, plan.lines, f"{counts[End.PROBLEM]:,} with problems")
        let_others_write()
    _finish(plan, position, counts)


def _forget_check(plan: ImportPlan) -> None:
    """Delete the counts and problems of the check, because those of the run may differ."""
    change(plan, ImportState.RUNNING, at=0, counts={})
    forget_problems(plan)
    db.session.commit()


def _insist(
    plan: ImportPlan, rows: list[Row], position: int, counts: Counter[str], at_most: int
) -> Counter[str]:
    """Write a batch and return the new counts. Retry if the database is busy."""
    kept = [list(row.problems) for row in rows]

    def attempt() -> Counter[str]:
        for row, problems in zip(rows, kept, strict=True):
            row.problems = list(problems)
        return _write(plan, rows, position, counts, at_most)

    # A role may be deleted, or an email taken, between the reading and the writing.
    return lifecycle.insist(attempt, on=(OperationalError, IntegrityError, RoleGone))


def _write(
    plan: ImportPlan, rows: list[Row], position: int, counts: Counter[str], at_most: int
) -> Counter[str]:
    # Lock the import first, so that a second worker with the same import waits only here.
    change(plan, ImportState.RUNNING, at=position, position=position + len(rows))
    if plan.update_existing:
        policy.lock_administrators()
    rules = Rules(plan, [])
    for role in _roles_of(rules, rows):
        policy.lock_role(role)
    people = find(rows, lock_for=plan)
    rules.read_actor_again()
    outcomes = [
        rules.decide_as_shown(row, people.get(row.email), number)
        for number, row in enumerate(rows, position)
    ]
    has_mail = writing.write(rules, outcomes)
    if (
        not plan.keep_good
        and position == 0
        and any(outcome.end == End.PROBLEM for outcome in outcomes)
    ):
        raise _HasProblems
    counts = counts + Counter(tally(outcomes))
    list_problems(plan, rows, at_most)
    db.session.execute(insert(ImportResult), [_result(plan, position + len(rows), outcomes)])
    change(plan, ImportState.RUNNING, counts=dict(counts))
    db.session.commit()
    if has_mail:
        queue.enqueue("drain_outbox")
    return counts


def _roles_of(rules: Rules, rows: Sequence[Row]) -> list[Any]:
    """Return the roles that a batch may assign, in the order in which they are locked."""
    named = {rules.by_name.get(name) for name in {names.fold(row.role) for row in rows}}
    roles = {role.id: role for role in (*named, rules.default_role) if role is not None}
    return [roles[role_id] for role_id in sorted(roles)]


def _result(plan: ImportPlan, position: int, outcomes: Sequence[LineOutcome]) -> dict[str, Any]:
    return {
        "import_id": plan.id,
        "position": position,
        "lines": [
            [
                outcome.row.line,
                str(outcome.end),
                outcome.row.email or _as_written(outcome),
                " ".join(problem.message for problem in outcome.row.problems),
            ]
            for outcome in outcomes
        ],
    }


def _as_written(outcome: LineOutcome) -> str:
    """Return the invalid text in the email column, as written in the file."""
    return next((one.value for one in outcome.row.problems if one.field == "email"), "")


def _finish(plan: ImportPlan, position: int, counts: Counter[str]) -> None:
    change(
        plan,
        ImportState.RUNNING,
        at=position,
        state=ImportState.FINISHED,
        finished_at=now(),
        counts=dict(counts),
    )
    storage.drop(plan.id)
    trail.note("import.finished", plan.id, plan.provenance, **dict(counts))
    db.session.commit()
