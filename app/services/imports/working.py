"""Checking a file and importing it, batch by batch.

Each batch is one transaction, which also moves the import's position. So it may be killed anywhere
and begun again, by two at once if need be: whoever finds the position moved lets go.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, insert, update
from sqlalchemy.exc import IntegrityError, OperationalError

from app import queue
from app.database import now
from app.extensions import db
from app.models import AuditEvent, ImportProblem, ImportResult, PeopleImport
from app.models.people_import import ImportState
from app.services import audit, authority
from app.services.authority import RoleGone
from app.services.imports import storage, writing
from app.services.imports.deciding import Deed, End, NotAllowed, Plan, Rules, find, tally
from app.services.imports.files import Unreadable
from app.services.imports.rows import Row

logger = logging.getLogger(__name__)

MOST_PROBLEMS = 10_000  # that are listed; the others are counted
# SQLite has one writer at a time, and whoever waits looks only now and then whether it is free.
PAUSE_ON_SQLITE = 0.02  # seconds
# A batch that met a deadlock, a busy database or a role that was just deleted is begun again.
TRIES = 4

BEEN_CHANGED = "Since the check, lines have come to have problems. Nothing was imported."


class _LetGo(Exception):
    """The import was cancelled or deleted, or someone else works on it."""


class _HasProblems(Exception):
    """There is a problem, and so nothing is to be written."""


def work(import_id: int) -> dict[str, int]:
    """Do what is left of the check or the run of an import, and return how many lines came to what.

    May be called as often as one likes.
    """
    row = db.session.get(PeopleImport, import_id, populate_existing=True)
    if row is None or not row.is_working:
        db.session.commit()
        return {}
    state, plan = row.state, Plan.of(row)
    db.session.commit()
    try:
        if state == ImportState.CHECKING:
            _survey(plan, ImportState.CHECKING)
        else:
            _run(plan)
    except _LetGo:
        db.session.rollback()
    except queue.JobCancelled:
        _end(plan, ImportState.CANCELLED)
        raise
    except (NotAllowed, Unreadable) as problem:
        _end(plan, ImportState.FAILED, str(problem))
    found = db.session.get(PeopleImport, import_id, populate_existing=True)
    counts = dict(found.counts) if found else {}
    db.session.commit()
    return counts


# Checking


def _survey(plan: Plan, state: ImportState, failure: str = "") -> bool:
    """Look at every line, write down the problems, and tell whether there are any.

    Of an import that is being checked this is all. One that runs goes back to being checked, with
    `failure`, if there are problems.
    """
    counts: Counter[str] = Counter()
    demoted: list[int] = []
    listed = done = 0
    db.session.execute(
        delete(ImportProblem).where(ImportProblem.import_id == plan.id),
        execution_options={"synchronize_session": False},
    )
    _change(plan, state, position=0, counts={})
    db.session.commit()
    for rows in storage.stored_rows(plan):
        _change(plan, state, position=done + len(rows) if state == ImportState.CHECKING else 0)
        rules, people = Rules(plan, demoted), find(rows)
        deeds = [rules.decide(row, people.get(row.email)) for row in rows]
        counts.update(tally(deeds))
        listed += _list_problems(plan, rows, MOST_PROBLEMS - listed)
        done += len(rows)
        db.session.commit()
        _report(done, plan.lines, "checked")
    has_problems = counts[End.PROBLEM] > 0
    if state == ImportState.CHECKING or has_problems:
        _change(
            plan,
            state,
            state=ImportState.CHECKED,
            position=0,
            counts=dict(counts),
            failure=failure,
            checks=plan.checks + 1,
            started_at=None,
        )
        db.session.commit()
    return has_problems


def _list_problems(plan: Plan, rows: Sequence[Row], at_most: int) -> int:
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


# Running


def _run(plan: Plan) -> None:
    row = db.session.get_one(PeopleImport, plan.id)
    position, counts = row.position, Counter(row.counts)
    listed = counts[End.PROBLEM]
    db.session.commit()
    if not plan.keep_good and position == 0 and _survey(plan, ImportState.RUNNING, BEEN_CHANGED):
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
            counts = _insist(plan, rows, position, counts, MOST_PROBLEMS - listed)
        except _HasProblems:
            db.session.rollback()
            _survey(plan, ImportState.RUNNING, BEEN_CHANGED)
            return
        position, listed = done, counts[End.PROBLEM]
        _report(done, plan.lines, f"{counts[End.PROBLEM]:,} with problems")
        if db.engine.dialect.name == "sqlite":
            time.sleep(PAUSE_ON_SQLITE)
    _finish(plan, position, counts)


def _forget_check(plan: Plan) -> None:
    """Make room for the problems of the run itself, which may be others."""
    _change(plan, ImportState.RUNNING, position=0, counts={})
    db.session.execute(
        delete(ImportProblem).where(ImportProblem.import_id == plan.id),
        execution_options={"synchronize_session": False},
    )
    db.session.commit()


def _insist(
    plan: Plan, rows: list[Row], position: int, counts: Counter[str], at_most: int
) -> Counter[str]:
    """Write a batch and return the new counts; begin again if the database was busy."""
    kept = [list(row.problems) for row in rows]
    for remaining in reversed(range(TRIES)):
        try:
            return _write(plan, rows, position, counts, at_most)
        except (OperationalError, IntegrityError, RoleGone):
            db.session.rollback()
            if not remaining:
                raise
            for row, problems in zip(rows, kept, strict=True):
                row.problems = list(problems)
            time.sleep(0.1)
    raise AssertionError


def _write(
    plan: Plan, rows: list[Row], position: int, counts: Counter[str], at_most: int
) -> Counter[str]:
    # First, and so the only one to be waited for by another worker with the same import.
    _change(plan, ImportState.RUNNING, at=position, position=position + len(rows))
    if plan.update_existing:
        authority.lock_administrators()
    rules = Rules(plan, [])
    for role in _roles_of(rules, rows):
        authority.lock_role(role)
    people = find(rows, lock=plan.update_existing)
    deeds = [rules.decide(row, people.get(row.email)) for row in rows]
    has_mail = writing.write(rules, deeds)
    if not plan.keep_good and position == 0 and any(deed.end == End.PROBLEM for deed in deeds):
        raise _HasProblems
    counts = counts + Counter(tally(deeds))
    _list_problems(plan, rows, at_most)
    db.session.execute(insert(ImportResult), [_result(plan, position + len(rows), deeds)])
    _change(plan, ImportState.RUNNING, counts=dict(counts))
    db.session.commit()
    if has_mail:
        queue.enqueue("drain_outbox")
    return counts


def _roles_of(rules: Rules, rows: Sequence[Row]) -> list[Any]:
    """Return the roles that a batch may give, in the order in which they are locked."""
    named = {rules.by_name.get(name) for name in {row.role.casefold() for row in rows}}
    roles = {role.id: role for role in (*named, rules.default_role) if role is not None}
    return [roles[role_id] for role_id in sorted(roles)]


def _result(plan: Plan, position: int, deeds: Sequence[Deed]) -> dict[str, Any]:
    return {
        "import_id": plan.id,
        "position": position,
        "lines": [
            [
                deed.row.line,
                str(deed.end),
                deed.row.email,
                " ".join(problem.message for problem in deed.row.problems),
            ]
            for deed in deeds
        ],
    }


def _finish(plan: Plan, position: int, counts: Counter[str]) -> None:
    _change(
        plan,
        ImportState.RUNNING,
        at=position,
        state=ImportState.FINISHED,
        finished_at=now(),
        counts=dict(counts),
    )
    storage.drop(plan.id)
    note("import.finished", plan.id, plan.provenance, **dict(counts))
    db.session.commit()


# The row of the import


def _change(plan: Plan, present: ImportState, *, at: int | None = None, **values: Any) -> None:
    """Change an import that is in the state `present`, and lock it. Raises _LetGo."""
    statement = (
        update(PeopleImport)
        .where(
            PeopleImport.id == plan.id,
            PeopleImport.state == present,
            PeopleImport.checks == plan.checks,
        )
        .values(moved_at=now(), **values)
        .returning(PeopleImport.id)
    )
    if at is not None:
        statement = statement.where(PeopleImport.position == at)
    options = {"synchronize_session": False}
    if db.session.execute(statement, execution_options=options).first() is None:
        raise _LetGo


def _end(plan: Plan, state: ImportState, failure: str = "") -> None:
    db.session.rollback()
    logger.warning("import %s has ended before its time: %s %s", plan.id, state, failure)
    db.session.execute(
        update(PeopleImport)
        .where(
            PeopleImport.id == plan.id,
            PeopleImport.state.in_([ImportState.CHECKING, ImportState.RUNNING]),
        )
        .values(state=state, failure=failure, finished_at=now())
        .execution_options(synchronize_session=False)
    )
    db.session.commit()


def note(action: str, import_id: int, provenance: Any, **details: Any) -> None:
    """Add what was done with an import to the audit trail; the caller commits."""
    columns = audit.values(action, by=None, **details) | provenance
    about = {"subject_type": "import", "subject_id": import_id, "subject_label": ""}
    db.session.execute(insert(AuditEvent), [columns | about])


def _report(done: int, of: int, text: str) -> None:
    queue.report_progress(done, max(of, done, 1), text)
