"""Confirm, stop, resume and purge bulk operations."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

from flask import current_app
from sqlalchemy import CursorResult, delete, select, update

from app.extensions import db
from app.features.bulk.models import BulkItem, BulkOperation, BulkState
from app.features.bulk.services.actions import ACTIONS, PlannedAction
from app.kit import audit, queue
from app.kit.database import now
from app.models import Role, User

# Users to process within a request; the worker takes larger operations.
AT_ONCE = 1000
JOB_TIMEOUT = 2 * 60 * 60  # seconds; ten million users take less
# After this time without a batch, an operation counts as stalled.
STALLED_AFTER = timedelta(seconds=30)
UNCONFIRMED_FOR = timedelta(days=1)
PURGE_BATCH = 10_000


class NotOpen(Exception):
    """The state of the operation does not allow the action."""


class NotYours(Exception):
    """Only the user who made the preview may confirm or resume the operation."""


class QueueAway(Exception):
    """The operation is confirmed, but the queue is unavailable. It waits until it is resumed."""


def get(operation_id: int) -> BulkOperation | None:
    return db.session.get(BulkOperation, operation_id)


def recent(count: int = 50) -> list[BulkOperation]:
    """Return the confirmed operations, newest first."""
    query = select(BulkOperation).where(BulkOperation.state != BulkState.PREVIEW)
    return list(db.session.scalars(query.order_by(BulkOperation.id.desc()).limit(count)))


def planned_action(
    operation: BulkOperation, *, by: User | None, role: Role | None
) -> PlannedAction:
    """Return the action of an operation with its arguments."""
    ids = {operation.actor_id, operation.provenance.get("actor_id")}
    return PlannedAction(
        action=ACTIONS[operation.action],
        by=by,
        actor_ids=frozenset(i for i in ids if i is not None),
        role=role,
        reason=operation.parameters.get("reason", ""),
        tell=operation.parameters.get("tell", False),
        at=now(),
    )


def is_stalled(operation: BulkOperation) -> bool:
    """Tell whether an open operation has had no batch for STALLED_AFTER, or has no job."""
    moved_at = operation.moved_at or operation.created_at
    return operation.is_open and (not operation.job_id or now() - moved_at > STALLED_AFTER)


# Confirm, stop, resume


def confirm(operation: BulkOperation, *, by: User, reason: str = "", tell: bool = True) -> None:
    """Confirm a preview. Only one of two concurrent requests succeeds.

    A short operation (`is_short`) is left to the caller to run; otherwise a job is queued. Raises
    NotOpen, NotYours and QueueAway.
    """
    _own(operation, by)
    parameters = {**operation.parameters, "tell": tell}
    if reason and ACTIONS[operation.action].has_reason:
        parameters["reason"] = reason
    _move(
        operation,
        {BulkState.PREVIEW},
        state=BulkState.QUEUED,
        parameters=parameters,
        provenance=audit.provenance(by),
        started_at=now(),
    )
    audit.record(
        "bulk.confirmed",
        by=by,
        subject=operation,
        label=operation.action,
        people=operation.to_do,
        **operation.selection,
        **operation.parameters,
    )
    db.session.commit()
    if not is_short(operation):
        _offer(operation)


def is_short(operation: BulkOperation) -> bool:
    """Tell whether the operation is small enough to run within a request."""
    return operation.to_do <= AT_ONCE


def go_on(operation: BulkOperation, *, by: User) -> None:
    """Queue a stopped or stalled operation again.

    Raises NotOpen, NotYours and QueueAway.
    """
    begin_again(operation, by=by)
    _offer(operation)


def begin_again(operation: BulkOperation, *, by: User) -> None:
    """Reopen a stopped operation without queueing it. Raises NotOpen and NotYours."""
    _own(operation, by)
    stopped = {BulkState.CANCELLED, BulkState.STOPPED, BulkState.QUEUED, BulkState.RUNNING}
    _move(operation, stopped, state=BulkState.QUEUED, stop_reason="", finished_at=None)
    audit.record("bulk.continued", by=by, subject=operation, label=operation.action)
    db.session.commit()


def stop(operation: BulkOperation, *, by: User) -> None:
    """Cancel an operation after the current batch. Finished batches stay. Raises NotOpen."""
    open_states = {BulkState.QUEUED, BulkState.RUNNING}
    _move(operation, open_states, state=BulkState.CANCELLED, finished_at=now())
    audit.record("bulk.stopped", by=by, subject=operation, label=operation.action)
    db.session.commit()


def _own(operation: BulkOperation, by: User) -> None:
    if operation.actor_id != by.id:
        raise NotYours


def _move(operation: BulkOperation, states: set[BulkState], **values: Any) -> None:
    """Update an operation if it is still in one of `states`. Raises NotOpen.

    The caller commits.
    """
    result = db.session.execute(
        update(BulkOperation)
        .where(BulkOperation.id == operation.id, BulkOperation.state.in_(states))
        .values(moved_at=now(), **values)
        .execution_options(synchronize_session=False)
    )
    if not cast("CursorResult[Any]", result).rowcount:
        db.session.rollback()
        raise NotOpen
    db.session.refresh(operation)


def _offer(operation: BulkOperation) -> None:
    """Enqueue the job of an operation. The unique key prevents duplicates. Raises QueueAway."""
    job_id = queue.enqueue(
        "run_bulk_operation", operation_id=operation.id, unique_key=str(operation.id)
    )
    operation.job_id = job_id or ""
    db.session.commit()
    if not job_id:
        raise QueueAway


# Purge


def purge() -> int:
    """Delete operations older than KEEP_BULK_OPERATIONS days, and return their number.

    Unconfirmed previews are deleted after a day. Operations of purged users are deleted as well.
    """
    kept = timedelta(days=current_app.config["KEEP_BULK_OPERATIONS"])
    is_preview = BulkOperation.state == BulkState.PREVIEW
    is_of_nobody = BulkOperation.actor_id.not_in(select(User.id))
    old = select(BulkOperation.id).where(
        (BulkOperation.created_at < now() - kept)
        | is_of_nobody
        | (is_preview & (BulkOperation.created_at < now() - UNCONFIRMED_FOR))
    )
    ids = list(db.session.scalars(old))
    db.session.commit()
    for operation_id in ids:
        _purge(operation_id)
    return len(ids)


def _purge(operation_id: int) -> None:
    """Delete an operation in parts, because each transaction blocks other writers on SQLite."""
    batch = select(BulkItem.user_id).where(BulkItem.operation_id == operation_id).limit(PURGE_BATCH)
    count = PURGE_BATCH
    while count == PURGE_BATCH:
        result = db.session.execute(
            delete(BulkItem).where(
                BulkItem.operation_id == operation_id, BulkItem.user_id.in_(batch)
            ),
            execution_options={"synchronize_session": False},
        )
        db.session.commit()
        count = cast("CursorResult[Any]", result).rowcount
    db.session.execute(delete(BulkOperation).where(BulkOperation.id == operation_id))
    db.session.commit()
