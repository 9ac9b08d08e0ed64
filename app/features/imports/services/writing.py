"""Writing what a batch of lines comes to: people, the audit trail, and mail. The caller commits."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Text, bindparam, cast, column, func, literal, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import JSON

from app import emails
from app.extensions import db, is_sqlite
from app.features.imports.services.deciding import TAKEN, Deed, End, Rules
from app.kit import audit
from app.kit.database.ids import among
from app.models import AuditEvent, User
from app.services import unproven
from app.services.user_changes import CHANGE_ROLE, INVITE, Parameters

UPDATABLE = ("first_name", "last_name", "role_id")


@dataclass(frozen=True, slots=True)
class _Person:
    """What a mail is addressed by."""

    id: int
    email: str
    role: Any


def write(rules: Rules, deeds: Sequence[Deed]) -> bool:
    """Do what was decided, and tell whether there is mail.

    The unique index has the last word on an address that someone took meanwhile: its line becomes
    a problem.
    """
    new = [deed for deed in deeds if deed.end in {End.CREATED, End.INVITED}]
    updated = [deed for deed in deeds if deed.end == End.UPDATED]
    taken_over = [deed for deed in new if deed.user_id is not None]
    _insert(rules, [deed for deed in new if deed.user_id is None])
    new = [deed for deed in new if deed.user_id is not None]
    promoted = [deed for deed in updated if "role_id" in deed.changes]
    _void_passwords(rules, [*taken_over, *promoted])
    _take_over(rules, taken_over)
    _update(updated)
    events = [_event_of_new(rules, deed) for deed in new]
    events += [event for deed in updated for event in _events_of_update(rules, deed)]
    _note(rules, events)
    return _send(rules, new, updated)


def _insert(rules: Rules, deeds: Sequence[Deed]) -> None:
    if not deeds:
        return
    rows = [
        {
            "email": deed.row.email,
            "first_name": deed.row.first_name,
            "last_name": deed.row.last_name,
            "role_id": deed.role.id if deed.role else None,
        }
        # In the same order for everyone, so that of two imports one waits and neither deadlocks.
        for deed in sorted(deeds, key=lambda deed: deed.row.email)
    ]
    given = Parameters(by=rules.by)
    same = {
        "confirmed": False,
        "must_change_password": False,
        "suspended_reason": "",
        "created_at": given.at,
        **INVITE.columns(given),
    }
    table = _table(User)
    statement, parameters = _insertion(table, rows, same)
    statement = statement.on_conflict_do_nothing(index_elements=["email"])
    inserted = db.session.execute(statement.returning(table.c.email, table.c.id), parameters)
    ids = {row.email: row.id for row in inserted}
    for deed in deeds:
        deed.user_id = ids.get(deed.row.email)
        if deed.user_id is None:
            deed.refuse("email", deed.row.email, TAKEN)


def _insertion(table: Any, rows: Sequence[dict[str, Any]], same: dict[str, Any]) -> tuple[Any, Any]:
    """Return a statement that inserts rows, and its parameters; `same` is in each of them."""
    if is_sqlite():
        return sqlite.insert(table), [row | same for row in rows]
    # As one value: a statement with thousands takes longer to read than to run.
    columns = [column(name, table.c[name].type) for name in rows[0]]
    given = func.json_to_recordset(cast(literal(json.dumps(rows), Text), JSON))
    each = given.table_valued(*columns).render_derived(with_types=True)
    values = [literal(value, table.c[name].type) for name, value in same.items()]
    chosen = select(*each.c, *values)
    names = [*rows[0], *same]
    return postgresql.insert(table).from_select(names, chosen, include_defaults=False), None


def _void_passwords(rules: Rules, deeds: Sequence[Deed]) -> None:
    if ids := [deed.user_id for deed in deeds if deed.user_id is not None]:
        unproven.void_passwords(among(User.id, ids), rules.plan.provenance)


def _take_over(rules: Rules, deeds: Sequence[Deed]) -> None:
    """Invite the owners of addresses that someone registered and nobody has confirmed."""
    same = INVITE.columns(Parameters(by=rules.by))
    rows = [
        {
            "id": deed.user_id,
            "first_name": deed.row.first_name,
            "last_name": deed.row.last_name,
            "role_id": deed.role.id if deed.role else None,
            **same,
        }
        for deed in deeds
    ]
    if rows:
        db.session.execute(update(User), rows)


def _update(deeds: Sequence[Deed]) -> None:
    table = _table(User)
    for columns in {tuple(deed.changes) for deed in deeds}:
        statement = (
            update(table)
            .where(table.c.id == bindparam("of"))
            .values({name: bindparam(f"new_{name}") for name in columns})
        )
        values = [
            {"of": deed.user_id} | {f"new_{name}": deed.changes[name][1] for name in columns}
            for deed in deeds
            if tuple(deed.changes) == columns
        ]
        db.session.connection().execute(statement, values)


# The audit trail


def _event_of_new(rules: Rules, deed: Deed) -> dict[str, Any]:
    action = INVITE.event if deed.end == End.INVITED else "user.created"
    role = deed.role.name if deed.role else ""
    return {
        "action": action,
        **_subject(deed),
        "changes": {},
        "details": {"role": role, "import": rules.plan.id},
    }


def _events_of_update(rules: Rules, deed: Deed) -> list[dict[str, Any]]:
    details = {"import": rules.plan.id}
    names = {name: list(pair) for name, pair in deed.changes.items() if name in UPDATABLE[:2]}
    events = []
    if names:
        events.append({"action": "user.renamed", "changes": names})
    if "role_id" in deed.changes:
        before = rules.roles.get(deed.changes["role_id"][0] or 0)
        changes = CHANGE_ROLE.changes(Parameters(role=deed.role), before.name if before else None)
        events.append({"action": CHANGE_ROLE.event, "changes": changes})
    return [{**event, **_subject(deed), "details": details} for event in events]


def _subject(deed: Deed) -> dict[str, Any]:
    return {
        "subject_type": "user",
        "subject_id": deed.user_id,
        "subject_label": deed.row.email,
    }


def _note(rules: Rules, events: Sequence[dict[str, Any]]) -> None:
    """Add rows to the trail: who started the import did each of its deeds."""
    if not events:
        return
    same = audit.values(events[0]["action"], by=None) | dict(rules.plan.provenance)
    same = {name: value for name, value in same.items() if name not in events[0]}
    statement, parameters = _insertion(_table(AuditEvent), events, same)
    db.session.execute(statement, parameters)


# Mail


def _send(rules: Rules, new: Sequence[Deed], updated: Sequence[Deed]) -> bool:
    invited = [deed for deed in new if deed.end == End.INVITED]
    promoted = [deed for deed in updated if "role_id" in deed.changes]
    with emails.gathering():
        for change, told in ((INVITE, invited), (CHANGE_ROLE, promoted)):
            for deed in told:
                if change.mail:
                    change.mail(_person(deed), Parameters(by=rules.by, role=deed.role))
    return bool(invited or promoted)


def _person(deed: Deed) -> Any:
    return _Person(deed.user_id or 0, deed.row.email, deed.role)


def _table(model: Any) -> Any:
    """Return the table of a model: rows that go in by the thousand need no objects."""
    return model.__table__
