"""Run an operation in batches. Each batch commits its changes and its position together."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError, OperationalError

from app import emails
from app.extensions import db, let_others_write
from app.features.bulk.models import BulkItem, BulkOperation, BulkState
from app.features.bulk.services import locks, notes
from app.features.bulk.services.actions import PlannedAction
from app.features.bulk.services.locks import Stop
from app.features.bulk.services.operations import AT_ONCE
from app.kit import queue
from app.kit.database import now
from app.kit.database.ids import among
from app.kit.mail import outbox
from app.models import User, UserSession
from app.services import sessions, unproven
from app.services.policy import RoleGone

logger = logging.getLogger(__name__)

BATCH = 1000
# Attempts per batch: a deadlock or a busy database makes a batch start over.
TRIES = 4


def run(operation_id: int) -> dict[str, Any]:
    """Run the rest of an operation in the worker, and return its counts and state.

    It is safe to call this repeatedly, concurrently, and after a crash: each batch starts where
    the last committed batch ended.
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
    """Run as many batches of an operation as fit into a request."""
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
    """Do the next batch, and tell whether there may be more. Retry if the database is busy."""
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
    # Lock the operation first. Only its batches and buttons take this lock, so a second worker
    # waits here and then continues where the first one ended.
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
        with db.session.no_autoflush:  # Write the operation's row once, at the end.
            planned = locks.lock(operation, ids)
            has_mail = _do(operation, planned, ids)
    except (Stop, RoleGone, IntegrityError) as error:
        db.session.rollback()
        _stop(operation_id, str(error) if isinstance(error, Stop) else "role_gone")
        return False, False
    operation.position = ids[-1]
    if len(ids) < BATCH:
        operation.state, operation.finished_at = BulkState.FINISHED, now()
    more = operation.is_open
    db.session.commit()
    return has_mail, more


def _next_ids(operation: BulkOperation) -> list[int]:
    """Return the ids of the next batch of users."""
    query = select(BulkItem.user_id).where(
        BulkItem.operation_id == operation.id,
        BulkItem.user_id > operation.position,
        BulkItem.reason == "",
    )
    return list(db.session.scalars(query.order_by(BulkItem.user_id).limit(BATCH)))


def _stop(operation_id: int, reason: str) -> None:
    logger.warning("bulk operation %s is stopped: %s", operation_id, reason)
    db.session.execute(
        update(BulkOperation)
        .where(BulkOperation.id == operation_id)
        .values(state=BulkState.STOPPED, stop_reason=reason, finished_at=now())
    )
    db.session.commit()


def _do(operation: BulkOperation, planned: PlannedAction, ids: Sequence[int]) -> bool:
    """Apply the action to the users that still qualify, and tell whether there is mail."""
    people, left_out = locks.sort_out(planned, ids)
    notes.leave_out(operation, left_out)
    operation.done += len(people)
    if not people:
        return False
    of_them = [person.id for person in people]
    change = planned.action.change
    is_told = change.mail is not None and (planned.tell or planned.action.needs_mail)
    has_mail = is_told
    if change.voids_password:
        # Users must learn that their password is void, so this mail ignores the checkbox.
        has_mail |= unproven.void_passwords(
            among(User.id, of_them), operation.provenance, with_link=not is_told
        )
    if columns := change.columns(planned):
        db.session.execute(
            update(User).where(among(User.id, of_them)).values(**columns),
            execution_options={"synchronize_session": False},
        )
    if change.ends_sessions:
        db.session.execute(
            delete(UserSession).where(among(UserSession.user_id, of_them)),
            execution_options={"synchronize_session": False},
        )
        sessions.end_impersonations(among(UserSession.acting_as_id, of_them))
    if change.cancels_mail:
        outbox.cancel_for(of_them)
    notes.note(operation, planned, people)
    if is_told and (mail := change.mail):
        with emails.in_batch():
            for person in people:
                mail(person, planned)
    return has_mail
