"""Doing an operation: batch by batch, each in one transaction with the note of how far it went."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Integer,
    any_,
    delete,
    func,
    insert,
    literal,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import InstrumentedAttribute

from app import emails, queue
from app.database import now
from app.extensions import db, is_sqlite, let_others_write
from app.models import AuditEvent, BulkItem, BulkOperation, Permission, Role, User, UserSession
from app.models.bulk_operation import BulkState
from app.services import audit, authority, outbox, registration, sessions
from app.services.authority import RoleGone
from app.services.bulk.actions import Deed, Person
from app.services.bulk.operations import AT_ONCE, deed_of

logger = logging.getLogger(__name__)

BATCH = 1000
# A batch that met a deadlock or a busy database is begun again, so often at most.
TRIES = 4


class _Stop(Exception):
    """The operation may not go on; the message is a key of STOP_REASONS."""


def run(operation_id: int) -> dict[str, Any]:
    """Do what is left of an operation, and tell how far it is. What the worker runs.

    May be called as often as one likes, by several at once, and may end anywhere: each batch
    begins where the last one that was committed ended.
    """
    try:
        while _do_batch(operation_id):
            _report(operation_id)
            let_others_write()
    except queue.JobCancelled:
        _cancel(operation_id)
        raise
    return _report(operation_id)


def run_some(operation_id: int, at_most: int = AT_ONCE) -> None:
    """Do as much of an operation as a page can wait for."""
    done = 0
    while done < at_most and _do_batch(operation_id):
        done += BATCH


def _report(operation_id: int) -> dict[str, Any]:
    counts = select(
        BulkOperation.done, BulkOperation.total, BulkOperation.left_out, BulkOperation.state
    ).where(BulkOperation.id == operation_id)
    found = db.session.execute(counts).one_or_none()
    db.session.commit()
    if found is None:
        return {}
    done, total, left_out, state = found
    to_do = total - sum(left_out.values())
    if done < to_do:
        queue.report_progress(done, to_do, f"{len(left_out) and sum(left_out.values())} left out")
    else:
        queue.report_progress(done, max(to_do, 1))
    return {"done": done, "left_out": left_out, "state": state}


def _cancel(operation_id: int) -> None:
    db.session.rollback()
    db.session.execute(
        update(BulkOperation)
        .where(
            BulkOperation.id == operation_id,
            BulkOperation.state.in_([BulkState.QUEUED, BulkState.RUNNING]),
        )
        .values(state=BulkState.CANCELLED, finished_at=now())
    )
    db.session.commit()


def _do_batch(operation_id: int) -> bool:
    """Do the next batch and tell whether there may be more; begin again if the database is busy."""
    for remaining in reversed(range(TRIES)):
        try:
            has_mail, more = _try_batch(operation_id)
        except OperationalError:
            db.session.rollback()
            if not remaining:
                raise
            time.sleep(0.1)
            continue
        if has_mail:
            queue.enqueue("drain_outbox")
        return more
    return False


def _try_batch(operation_id: int) -> tuple[bool, bool]:
    # Locked first, and by nobody but batches and buttons of this operation: of two workers with
    # the same operation, one waits here and goes on where the other ended.
    operation = db.session.get(
        BulkOperation, operation_id, with_for_update=True, populate_existing=True
    )
    if operation is None or not operation.is_open:
        db.session.rollback()
        return False, False
    ids = _next_ids(operation)
    operation.state, operation.moved_at = BulkState.RUNNING, now()
    if not ids:
        operation.state, operation.finished_at = BulkState.FINISHED, now()
        db.session.commit()
        return False, False
    try:
        with db.session.no_autoflush:  # What the operation notes of itself is written once.
            deed = _lock(operation, ids)
            has_mail = _do(operation, deed, ids)
    except (_Stop, RoleGone, IntegrityError) as error:
        db.session.rollback()
        _stop(operation_id, str(error) if isinstance(error, _Stop) else "role_gone")
        return False, False
    operation.position = ids[-1]
    if len(ids) < BATCH:
        operation.state, operation.finished_at = BulkState.FINISHED, now()
    more = operation.is_open
    db.session.commit()
    return has_mail, more


def _next_ids(operation: BulkOperation) -> list[int]:
    """Return to whom it is to be done next."""
    query = select(BulkItem.user_id).where(
        BulkItem.operation_id == operation.id,
        BulkItem.user_id > operation.position,
        BulkItem.reason == "",
    )
    return list(db.session.scalars(query.order_by(BulkItem.user_id).limit(BATCH)))


def _lock(operation: BulkOperation, ids: Sequence[int]) -> Deed:
    """Lock all that the rules look at, in the order in which everything else does.

    Administrators first, then the role that is given, then people by their ids; among them whoever
    acts, so that they cannot lose meanwhile what allows it. Raises _Stop and RoleGone.
    """
    role_id = operation.parameters.get("role_id")
    role = db.session.get(Role, role_id) if role_id else None
    if role_id and role is None:
        raise _Stop("role_gone")
    deed = deed_of(operation, by=None, role=role)
    # A role may be about to gain or lose what makes its people administrators.
    if deed.takes_administrators or role is not None:
        authority.lock_administrators()
    if role is not None:
        authority.lock_role(role)
    if not is_sqlite():  # The transaction holds its only lock already.
        locked = select(User.id).where(among(User.id, [*ids, *deed.own_ids])).order_by(User.id)
        db.session.execute(locked.with_for_update(key_share=True)).all()
    by = _actor(operation, deed)
    if not authority.covers(by, role.permissions if role else 0):
        raise _Stop("role_above")
    if deed.action.invites and not registration.takes_invitations():
        raise _Stop("no_invitations")
    return deed_of(operation, by=by, role=role)


def _actor(operation: BulkOperation, deed: Deed) -> User:
    """Return whoever acts, if they may still. Raises _Stop."""
    people = [db.session.get(User, user_id, populate_existing=True) for user_id in deed.own_ids]
    if not all(person and person.is_active and person.confirmed for person in people):
        raise _Stop("actor_gone")
    by = db.session.get_one(User, operation.actor_id)
    if not by.can(Permission.MANAGE_USERS):
        raise _Stop("actor_may_not")
    return by


def _stop(operation_id: int, reason: str) -> None:
    logger.warning("bulk operation %s is stopped: %s", operation_id, reason)
    db.session.execute(
        update(BulkOperation)
        .where(BulkOperation.id == operation_id)
        .values(state=BulkState.STOPPED, stop_reason=reason, finished_at=now())
    )
    db.session.commit()


def _do(operation: BulkOperation, deed: Deed, ids: Sequence[int]) -> bool:
    """Do it to those of `ids` to whom it may still be done, and tell whether there is mail."""
    people, left_out = _sort_out(deed, ids)
    _leave_out(operation, left_out)
    operation.done += len(people)
    if not people:
        return False
    of_them = [person.id for person in people]
    if columns := deed.action.columns(deed):
        db.session.execute(
            update(User).where(among(User.id, of_them)).values(**columns),
            execution_options={"synchronize_session": False},
        )
    if deed.action.ends_sessions:
        db.session.execute(
            delete(UserSession).where(among(UserSession.user_id, of_them)),
            execution_options={"synchronize_session": False},
        )
        sessions.end_acting(among(UserSession.acting_as_id, of_them))
    if deed.action.cancels_mail:
        outbox.cancel_for_all(of_them)
    _note(operation, deed, people)
    mail = deed.action.mail
    if mail is None or not (deed.tell or deed.action.invites):
        return False
    with emails.gathering():
        for person in people:
            mail(person, deed)
    return True


def _sort_out(deed: Deed, ids: Sequence[int]) -> tuple[list[Person], dict[int, str]]:
    """Return the people to whom it is done, and why the others of `ids` are left out after all."""
    columns = (User.id, User.email, User.first_name, User.last_name, Role.name)
    query = select(*columns, Role.permissions, deed.why_not()).outerjoin(User.role)
    rows = db.session.execute(query.where(among(User.id, ids)).order_by(User.id)).all()
    left_out = {row[0]: row[-1] for row in rows if row[-1]}
    if len(rows) < len(ids):
        left_out |= dict.fromkeys(set(ids) - {row[0] for row in rows}, "gone")
    administrators = [row[0] for row in rows if not row[-1] and _is_administrator(row[-2])]
    if administrators and deed.takes_administrators:
        left_out |= _spare_one(administrators)
    deleted_at = deed.action.columns(deed).get("deleted_at")
    people = [Person(*row[:5], deed.role, deleted_at) for row in rows if row[0] not in left_out]
    return people, left_out


def _is_administrator(permissions: int | None) -> bool:
    return permissions is not None and Permission.grants(permissions, Permission.ADMINISTER)


def _spare_one(administrators: list[int]) -> dict[int, str]:
    """Leave out one of these if nobody else could administer the app."""
    if authority.has_administrator(but=administrators):
        return {}
    who_can = select(func.min(User.id)).where(authority.can_sign_in())
    spared = db.session.scalar(who_can.where(among(User.id, administrators)))
    return {} if spared is None else {spared: "last_administrator"}


def _leave_out(operation: BulkOperation, left_out: dict[int, str]) -> None:
    """Note who is left out although the preview did not say so."""
    if not left_out:
        return
    counts = dict(operation.left_out)
    for reason in set(left_out.values()):
        of_them = [user_id for user_id, why in left_out.items() if why == reason]
        db.session.execute(
            update(BulkItem)
            .where(BulkItem.operation_id == operation.id, among(BulkItem.user_id, of_them))
            .values(reason=reason),
            execution_options={"synchronize_session": False},
        )
        counts[reason] = counts.get(reason, 0) + len(of_them)
    operation.left_out = counts


def _note(operation: BulkOperation, deed: Deed, people: Sequence[Person]) -> None:
    """Add an event for each person to the audit trail, as if it had been done one by one."""
    details = {**deed.action.details(deed), "operation": operation.id}
    values = audit.values(deed.action.noted_as, by=None, **details) | operation.provenance
    by_role: dict[str | None, list[int]] = {}
    for person in people:
        by_role.setdefault(person.former_role, []).append(person.id)
    events = AuditEvent.__table__.c
    for former_role, ids in by_role.items():
        row = values | {
            "subject_type": "user",
            "subject_id": User.id,
            "subject_label": User.email,
            "changes": deed.action.changes(deed, former_role),
        }
        selected = [
            value if isinstance(value, InstrumentedAttribute) else literal(value, events[name].type)
            for name, value in row.items()
        ]
        noted = select(*selected).where(among(User.id, ids)).order_by(User.id)
        db.session.execute(insert(AuditEvent.__table__).from_select(list(row), noted))


def among(column: InstrumentedAttribute[Any], ids: Sequence[int]) -> ColumnElement[bool]:
    """Return the condition that `column` is one of many ids, which are one parameter.

    To write a thousand of them into a statement takes longer than to run it.
    """
    if is_sqlite():
        each = func.json_each(json.dumps(list(ids))).table_valued("value")
        return column.in_(select(each.c.value))
    return column == any_(literal(list(ids), ARRAY(Integer)))
