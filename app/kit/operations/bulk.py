"""Confirm, run, stop, resume and purge bulk operations."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, or_, select, update

from app.extensions import db
from app.kit import audit, queue
from app.kit.audit.event import Actor
from app.kit.database import now
from app.kit.database.ids import among
from app.kit.database.pauses import let_others_write
from app.kit.operations import lifecycle
from app.kit.operations.kinds import BatchOutcome, Stop, kind_of
from app.kit.operations.lifecycle import Overtaken
from app.kit.operations.models import OF_TOKENS, BulkColumns, OperationState

BATCH = 1000
UNCONFIRMED_FOR = timedelta(days=1)
# An operation that is open can be resumed too, because its worker may have died.
RESUMABLE = {
    OperationState.CANCELLED,
    OperationState.STOPPED,
    OperationState.QUEUED,
    OperationState.RUNNING,
}


def confirm(operation: BulkColumns, *, by: Actor, **parameters: Any) -> None:
    """Confirm a preview. Only one of two concurrent requests succeeds.

    `parameters` are added to those of the preview. With a token, the operation has the scopes of
    the token to its end. A short operation is left to the caller to run; otherwise a job is queued.
    Raises NotOpen, NotYours and QueueAway.
    """
    if OF_TOKENS & parameters.keys():
        raise ValueError("the parameters scopes and token are those of tokens: use other names")
    lifecycle.lock(operation, {OperationState.PREVIEW}, by=by)
    operation.state, operation.started_at = OperationState.QUEUED, now()
    held = {} if by.scopes is None else {"scopes": by.scopes, "token": by.token_name}
    operation.parameters = {**operation.parameters, **parameters, **held}
    operation.provenance = audit.provenance(by)
    _record(operation, "confirmed", by, **kind_of(operation).details(operation))
    db.session.commit()
    if not lifecycle.is_short(operation):
        lifecycle.enqueue(operation)


def go_on(operation: BulkColumns, *, by: Actor) -> None:
    """Queue a stopped or stalled operation again. Raises NotOpen, NotYours and QueueAway."""
    begin_again(operation, by=by)
    lifecycle.enqueue(operation)


def begin_again(operation: BulkColumns, *, by: Actor) -> None:
    """Reopen a stopped operation without queueing it. Raises NotOpen and NotYours."""
    lifecycle.lock(operation, RESUMABLE, by=by)
    operation.state, operation.stop_reason = OperationState.QUEUED, ""
    operation.finished_at = None
    _record(operation, "continued", by)
    db.session.commit()


def stop(operation: BulkColumns, *, by: Actor) -> None:
    """Cancel an operation after the current batch. Finished batches stay. Raises NotOpen."""
    lifecycle.cancel(operation)
    _record(operation, "stopped", by)
    db.session.commit()


def _record(operation: BulkColumns, verb: str, by: Actor, **details: Any) -> None:
    name = kind_of(operation).event(operation, verb)
    audit.record(name, by=by, subject=operation, label=operation.action, **details)


def purge(model: type[BulkColumns], kept: timedelta, *is_old: ColumnElement[bool]) -> int:
    """Delete operations older than `kept`, previews older than a day, and those of `is_old`."""
    is_preview = model.state == OperationState.PREVIEW
    before = now()
    old = or_(
        model.created_at < before - kept,
        is_preview & (model.created_at < before - UNCONFIRMED_FOR),
        *is_old,
    )
    return lifecycle.purge(model, old)


# Batches. Each commits its changes and its position together.


def run(model: type[BulkColumns], operation_id: int) -> dict[str, Any]:
    """Run the rest of an operation in the worker, and return its counts and state.

    It is safe to call this repeatedly, concurrently, and after a crash: each batch starts where
    the last committed batch ended.
    """
    with lifecycle.ends_with_its_job(model, operation_id):
        while _do_batch(model, operation_id):
            _report(model, operation_id)
            let_others_write()
    return _report(model, operation_id)


def run_some(model: type[BulkColumns], operation_id: int, at_most: int = 0) -> None:
    """Run as many batches of an operation as fit into a request."""
    done = 0
    while done < (at_most or lifecycle.AT_ONCE) and _do_batch(model, operation_id):
        done += BATCH


def _report(model: type[BulkColumns], operation_id: int) -> dict[str, Any]:
    operation = db.session.get(model, operation_id, populate_existing=True)
    if operation is None:
        db.session.rollback()
        return {}
    done, to_do, left_out = operation.done, operation.to_do, operation.left_out_count
    result = {"done": done, "left_out": operation.left_out, "state": str(operation.state)}
    db.session.commit()
    if done < to_do:
        queue.report_progress(done, to_do, f"{left_out} left out")
    else:
        queue.report_progress(done, max(to_do, 1))
    return result


def _do_batch(model: type[BulkColumns], operation_id: int) -> bool:
    """Do the next batch, and tell whether there may be more."""
    try:
        has_mail, more = lifecycle.retry(lambda: _try_batch(model, operation_id))
    except Overtaken:
        db.session.rollback()
        return False
    except Stop as reason:
        lifecycle.end(model, operation_id, OperationState.STOPPED, stop_reason=str(reason))
        return False
    if has_mail:
        queue.enqueue("drain_outbox")
    return more


def _try_batch(model: type[BulkColumns], operation_id: int) -> tuple[bool, bool]:
    operation = lifecycle.lock_for_batch(model, operation_id)
    ids = _next_ids(operation)
    operation.state = OperationState.RUNNING
    outcome = BatchOutcome()
    if ids:
        outcome = kind_of(operation).do(operation, ids)
        leave_out(operation, outcome.left_out)
        operation.done += outcome.done
        operation.position = ids[-1]
    if len(ids) < BATCH:
        operation.state, operation.finished_at = OperationState.FINISHED, now()
    more = operation.is_open
    db.session.commit()
    return outcome.has_mail, more


def _next_ids(operation: BulkColumns) -> list[int]:
    """Return the ids of the next batch of rows."""
    item = operation.item
    query = select(item.row_id).where(
        item.operation_id == operation.id, item.row_id > operation.position, item.reason == ""
    )
    return list(db.session.scalars(query.order_by(item.row_id).limit(BATCH)))


def leave_out(operation: BulkColumns, left_out: Mapping[int, str]) -> None:
    """Record rows that are left out although the preview included them; the caller commits."""
    item, counts = operation.item, dict(operation.left_out)
    for reason in sorted(set(left_out.values())):
        ids = [row_id for row_id, why in left_out.items() if why == reason]
        db.session.execute(
            update(item)
            .where(item.operation_id == operation.id, among(item.row_id, ids))
            .values(reason=reason),
            execution_options={"synchronize_session": False},
        )
        counts[reason] = counts.get(reason, 0) + len(ids)
    operation.left_out = counts
