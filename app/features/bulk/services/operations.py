"""Operations on many people: confirming, stopping and going on with them."""

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

# So many are done at once while the page waits; more are left to the worker.
AT_ONCE = 1000
JOB_TIMEOUT = 2 * 60 * 60  # seconds; ten million people take less
# Without a sign of life for so long, an operation is taken to need a push.
STALLED_AFTER = timedelta(seconds=30)
UNCONFIRMED_FOR = timedelta(days=1)
PURGE_BATCH = 10_000


class NotOpen(Exception):
    """The operation is not in a state in which this can be done."""


class NotYours(Exception):
    """Only whoever made the preview may confirm it or go on with it."""


class QueueAway(Exception):
    """It is confirmed, but no worker can be told; it waits until it is begun again."""


def get(operation_id: int) -> BulkOperation | None:
    return db.session.get(BulkOperation, operation_id)


def recent(count: int = 50) -> list[BulkOperation]:
    """Return the operations that were confirmed last, the newest first."""
    query = select(BulkOperation).where(BulkOperation.state != BulkState.PREVIEW)
    return list(db.session.scalars(query.order_by(BulkOperation.id.desc()).limit(count)))


def planned_action(
    operation: BulkOperation, *, by: User | None, role: Role | None
) -> PlannedAction:
    """Return what is to be done, with what it needs to know."""
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
    """Tell whether nothing has happened for so long that it may need a push."""
    moved_at = operation.moved_at or operation.created_at
    return operation.is_open and (not operation.job_id or now() - moved_at > STALLED_AFTER)


# Confirming, stopping, going on


def confirm(operation: BulkOperation, *, by: User, reason: str = "", tell: bool = True) -> None:
    """Begin it; of two who confirm at once, or one who does twice, one does.

    Few people's turn is the caller's to run (is_short); for more a job is queued. Raises NotOpen,
    NotYours and QueueAway.
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
    """Tell whether all of it is done while the page waits."""
    return operation.to_do <= AT_ONCE


def go_on(operation: BulkOperation, *, by: User) -> None:
    """Queue it again where it was stopped, or where nothing happens any more.

    Raises NotOpen, NotYours and QueueAway.
    """
    begin_again(operation, by=by)
    _offer(operation)


def begin_again(operation: BulkOperation, *, by: User) -> None:
    """Have it go on where it was stopped. Raises NotOpen and NotYours."""
    _own(operation, by)
    stopped = {BulkState.CANCELLED, BulkState.STOPPED, BulkState.QUEUED, BulkState.RUNNING}
    _move(operation, stopped, state=BulkState.QUEUED, stop_reason="", finished_at=None)
    audit.record("bulk.continued", by=by, subject=operation, label=operation.action)
    db.session.commit()


def stop(operation: BulkOperation, *, by: User) -> None:
    """Have it end after the batch that is being done; what is done stays done. Raises NotOpen."""
    open_states = {BulkState.QUEUED, BulkState.RUNNING}
    _move(operation, open_states, state=BulkState.CANCELLED, finished_at=now())
    audit.record("bulk.stopped", by=by, subject=operation, label=operation.action)
    db.session.commit()


def _own(operation: BulkOperation, by: User) -> None:
    if operation.actor_id != by.id:
        raise NotYours


def _move(operation: BulkOperation, states: set[BulkState], **values: Any) -> None:
    """Change it if it is in one of `states` still; the caller commits. Raises NotOpen."""
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
    """Tell the worker; one that is told twice does it once."""
    job_id = queue.enqueue(
        "run_bulk_operation", operation_id=operation.id, unique_key=str(operation.id)
    )
    operation.job_id = job_id or ""
    db.session.commit()
    if not job_id:
        raise QueueAway


# Tidying up


def purge() -> int:
    """Delete operations of which KEEP_BULK_OPERATIONS days have passed, and return how many.

    Previews that nobody confirmed go after a day, and those of people who are erased with them.
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
    """Delete an operation, some of its people at a time: on SQLite everyone else waits."""
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
