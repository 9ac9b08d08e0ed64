"""Write the outcomes of a batch: users, audit events and mail. The caller commits."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Text, bindparam, cast, column, func, literal, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import JSON

from app.extensions import db, is_sqlite
from app.features.imports.services.deciding import TAKEN, LineOutcome, Rules
from app.features.imports.services.inviting import invitation
from app.kit import audit
from app.kit.audit.followers import add_events
from app.kit.database.ids import among
from app.kit.imports import trail
from app.kit.imports.kinds import End
from app.kit.mail import writing
from app.models import AuditEvent, User
from app.services import unconfirmed
from app.services.user_changes import CHANGE_ROLE, Parameters

UPDATABLE = ("first_name", "last_name", "role_id")


@dataclass(frozen=True, slots=True)
class _Person:
    """The attributes of a user that a mail needs."""

    id: int
    email: str
    role: Any


def write(rules: Rules, outcomes: Sequence[LineOutcome]) -> bool:
    """Write the outcomes, and tell whether there is mail.

    If another request took an email meanwhile, the unique index refuses it, and the line becomes
    a problem.
    """
    new = [outcome for outcome in outcomes if outcome.end in {End.CREATED, End.INVITED}]
    updated = [outcome for outcome in outcomes if outcome.end == End.UPDATED]
    taken_over = [outcome for outcome in new if outcome.user_id is not None]
    _insert(rules, [outcome for outcome in new if outcome.user_id is None])
    new = [outcome for outcome in new if outcome.user_id is not None]
    promoted = [outcome for outcome in updated if "role_id" in outcome.changes]
    _void_passwords(rules, [*taken_over, *(promoted if CHANGE_ROLE.voids_password else ())])
    _take_over(rules, taken_over)
    _update(updated)
    events = [_event_of_new(rules, outcome) for outcome in new]
    events += [event for outcome in updated for event in _events_of_update(rules, outcome)]
    _note(rules, events)
    return _send(rules, new, updated)


def _insert(rules: Rules, outcomes: Sequence[LineOutcome]) -> None:
    if not outcomes:
        return
    # Insert in a fixed order, so that one of two concurrent imports waits and none deadlocks.
    in_order = sorted(outcomes, key=lambda outcome: outcome.row.email)
    rows = [{"email": outcome.row.email, **_columns_of(outcome)} for outcome in in_order]
    given = Parameters(by=rules.by)
    same = {
        "confirmed": False,
        "must_change_password": False,
        "suspended_reason": "",
        "created_at": given.at,
        **_of_invited(given),
    }
    table = _table(User)
    statement, parameters = _insertion(table, rows, same)
    statement = statement.on_conflict_do_nothing(index_elements=["email"])
    inserted = db.session.execute(statement.returning(table.c.email, table.c.id), parameters)
    ids = {row.email: row.id for row in inserted}
    for outcome in outcomes:
        outcome.user_id = ids.get(outcome.row.email)
        if outcome.user_id is None:
            outcome.refuse("email", outcome.row.email, TAKEN)


def _insertion(table: Any, rows: Sequence[dict[str, Any]], same: dict[str, Any]) -> tuple[Any, Any]:
    """Return an INSERT statement and its parameters. `same` holds values that all rows share."""
    if is_sqlite():
        return sqlite.insert(table), [row | same for row in rows]
    # Pass one JSON value: parsing a statement with thousands of parameters takes longer than
    # running it.
    columns = [column(name, table.c[name].type) for name in rows[0]]
    given = func.json_to_recordset(cast(literal(json.dumps(rows), Text), JSON))
    each = given.table_valued(*columns).render_derived(with_types=True)
    values = [literal(value, table.c[name].type) for name, value in same.items()]
    chosen = select(*each.c, *values)
    names = [*rows[0], *same]
    return postgresql.insert(table).from_select(names, chosen, include_defaults=False), None


def _columns_of(outcome: LineOutcome) -> dict[str, Any]:
    """Return the columns of a new user that the line fills."""
    row, role = outcome.row, outcome.role
    names = {"first_name": row.first_name, "last_name": row.last_name}
    return {**names, "role_id": role.id if role else None}


def _of_invited(given: Parameters) -> dict[str, Any]:
    """Return the columns of a user who is or can be invited."""
    invite = invitation()
    return invite.columns(given) if invite else {}


def _void_passwords(rules: Rules, outcomes: Sequence[LineOutcome]) -> None:
    if ids := [outcome.user_id for outcome in outcomes if outcome.user_id is not None]:
        unconfirmed.void_passwords(among(User.id, ids), trail.columns(rules.plan))


def _take_over(rules: Rules, outcomes: Sequence[LineOutcome]) -> None:
    """Invite the owners of emails that are registered but unconfirmed."""
    same = _of_invited(Parameters(by=rules.by))
    rows = [{"id": outcome.user_id, **_columns_of(outcome), **same} for outcome in outcomes]
    if rows:
        db.session.execute(update(User), rows)


def _update(outcomes: Sequence[LineOutcome]) -> None:
    table = _table(User)
    for columns in {tuple(outcome.changes) for outcome in outcomes}:
        statement = (
            update(table)
            .where(table.c.id == bindparam("of"))
            .values({name: bindparam(f"new_{name}") for name in columns})
        )
        values = [
            {"of": outcome.user_id} | {f"new_{name}": outcome.changes[name][1] for name in columns}
            for outcome in outcomes
            if tuple(outcome.changes) == columns
        ]
        db.session.connection().execute(statement, values)


# The audit trail


def _event_of_new(rules: Rules, outcome: LineOutcome) -> dict[str, Any]:
    invite = invitation() if outcome.end == End.INVITED else None
    action = invite.event if invite else "user.created"
    role = outcome.role.name if outcome.role else ""
    return {
        "action": action,
        **_subject(outcome),
        "changes": {},
        "details": {"role": role, "import": rules.plan.id, **trail.token_of(rules.plan)},
    }


def _events_of_update(rules: Rules, outcome: LineOutcome) -> list[dict[str, Any]]:
    details = {"import": rules.plan.id, **trail.token_of(rules.plan)}
    names = {name: list(pair) for name, pair in outcome.changes.items() if name in UPDATABLE[:2]}
    events = []
    if names:
        events.append({"action": "user.renamed", "changes": names})
    if "role_id" in outcome.changes:
        before = rules.roles.get(outcome.changes["role_id"][0] or 0)
        changes = CHANGE_ROLE.changes(
            Parameters(role=outcome.role), before.name if before else None
        )
        events.append({"action": CHANGE_ROLE.event, "changes": changes})
    return [{**event, **_subject(outcome), "details": details} for event in events]


def _subject(outcome: LineOutcome) -> dict[str, Any]:
    return {
        "subject_type": "user",
        "subject_id": outcome.user_id,
        "subject_label": outcome.row.email,
    }


def _note(rules: Rules, events: Sequence[dict[str, Any]]) -> None:
    """Add events to the audit trail. Their actor is the user who started the import."""
    if not events:
        return
    same = audit.values(events[0]["action"], by=None) | trail.columns(rules.plan)
    same = {name: value for name, value in same.items() if name not in events[0]}
    statement, parameters = _insertion(_table(AuditEvent), events, same)
    add_events(statement, parameters)


# Mail


def _send(rules: Rules, new: Sequence[LineOutcome], updated: Sequence[LineOutcome]) -> bool:
    invited = [outcome for outcome in new if outcome.end == End.INVITED]
    promoted = [outcome for outcome in updated if "role_id" in outcome.changes]
    with writing.in_batch():
        for change, told in ((invitation(), invited), (CHANGE_ROLE, promoted)):
            for outcome in told:
                if change and change.mail:
                    change.mail(_person(outcome), Parameters(by=rules.by, role=outcome.role))
    return bool(invited or promoted)


def _person(outcome: LineOutcome) -> Any:
    return _Person(outcome.user_id or 0, outcome.row.email, outcome.role)


def _table(model: Any) -> Any:
    """Return the table of a model, because inserting thousands of rows needs no ORM objects."""
    return model.__table__
