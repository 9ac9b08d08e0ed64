"""Lock, enqueue, stop and purge long operations of any kind."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, cast

from sqlalchemy import ColumnElement, CursorResult, delete, select, update
from sqlalchemy.exc import InvalidRequestError, OperationalError

from app.extensions import db
from app.kit import queue
from app.kit.audit.event import Actor
from app.kit.database import now
from app.kit.operations.models import BulkColumns, ItemColumns, LongOperation, OperationState

logger = logging.getLogger(__name__)

AT_ONCE = 1000  # rows or lines to process within a request; a worker takes more
# Attempts per batch: a deadlock or a busy database makes a batch start over.
TRIES = 4
PURGE_BATCH = 10_000

AnyOperation = TypeVar("AnyOperation", bound=LongOperation)
Result = TypeVar("Result")


class NotOpen(Exception):
    """The state of the operation does not allow the action, often because another request won."""


class NotYours(Exception):
    """Only the user who owns the operation may do this."""


class QueueAway(Exception):
    """The operation is started, but the queue is unavailable. It waits until it is resumed."""


class Overtaken(Exception):
    """The operation has ended or was deleted, or another worker has overtaken this one."""


def is_short(operation: LongOperation) -> bool:
    """Tell whether the operation is small enough to run within a request."""
    return operation.steps <= AT_ONCE


def lock(
    operation: LongOperation, states: Collection[str] | None = None, *, by: Actor | None = None
) -> None:
    """Reload and lock an operation of `by` that is in one of `states`; the caller commits.

    Raises NotOpen, also if the operation was deleted, and NotYours.
    """
    try:
        db.session.refresh(operation, with_for_update=True)
    except InvalidRequestError:
        db.session.rollback()
        raise NotOpen from None
    if by is not None and operation.actor_id != by.id:
        db.session.rollback()
        raise NotYours
    if states is not None and operation.state not in states:
        db.session.rollback()
        raise NotOpen
    operation.moved_at = now()


def cancel(operation: LongOperation) -> None:
    """Cancel an operation after the current batch; the caller commits. Raises NotOpen."""
    lock(operation, operation.OPEN)
    operation.state, operation.finished_at = OperationState.CANCELLED, now()


def enqueue(operation: LongOperation) -> None:
    """Enqueue the job of an operation. Its unique key prevents duplicates. Raises QueueAway."""
    operation.job_id = queue.enqueue(operation.task, **operation.job) or ""
    is_queued = bool(operation.job_id)
    db.session.commit()
    if not is_queued:
        raise QueueAway


# For the worker


def lock_for_batch(
    model: type[AnyOperation], operation_id: int, states: Collection[str] | None = None
) -> AnyOperation:
    """Lock an operation for its next batch. Raises Overtaken if it is not open, or not in `states`.

    Each batch takes this lock first. So a second worker waits here, and then sees the position
    that the first one has reached.
    """
    operation = db.session.get(model, operation_id, with_for_update=True, populate_existing=True)
    if operation is None or operation.state not in (states or model.OPEN):
        raise Overtaken
    operation.moved_at = now()
    return operation


def retry(
    attempt: Callable[[], Result], *, on: tuple[type[Exception], ...] = (OperationalError,)
) -> Result:
    """Do a batch, and start it over if the database is busy or another transaction won."""
    for remaining in reversed(range(TRIES)):
        try:
            return attempt()
        except on:
            db.session.rollback()
            if not remaining:
                raise
            time.sleep(0.1)
    raise AssertionError


def end(model: type[LongOperation], operation_id: int, state: str, **values: Any) -> None:
    """Roll back, and end an open operation before its time."""
    db.session.rollback()
    logger.warning("%s %s ends as %s: %s", model.__name__, operation_id, state, values)
    db.session.execute(
        update(model)
        .where(model.id == operation_id, model.state.in_(model.OPEN))
        .values(state=state, finished_at=now(), **values)
        .execution_options(synchronize_session=False)
    )
    db.session.commit()


@contextmanager
def ends_with_its_job(model: type[LongOperation], operation_id: int) -> Iterator[None]:
    """Cancel the operation if its job is cancelled, and let the queue know."""
    try:
        yield
    except queue.JobCancelled:
        end(model, operation_id, OperationState.CANCELLED)
        raise


def purge(model: type[LongOperation], is_old: ColumnElement[bool]) -> int:
    """Delete the operations that match, each with its rows, and return their number."""
    ids = list(db.session.scalars(select(model.id).where(is_old)))
    db.session.commit()
    for operation_id in ids:
        if issubclass(model, BulkColumns):
            _delete_items(model.item, operation_id)
        db.session.execute(delete(model).where(model.id == operation_id))
        db.session.commit()
    return len(ids)


def _delete_items(item: type[ItemColumns], operation_id: int) -> None:
    """Delete items in parts, because each transaction blocks other writers on SQLite."""
    of_it = item.operation_id == operation_id
    batch = select(item.row_id).where(of_it).limit(PURGE_BATCH)
    count = PURGE_BATCH
    while count == PURGE_BATCH:
        result = db.session.execute(
            delete(item).where(of_it, item.row_id.in_(batch)),
            execution_options={"synchronize_session": False},
        )
        db.session.commit()
        count = cast("CursorResult[Any]", result).rowcount
