"""Helpers for the views of long operations: the values of their pages, and their buttons."""

from collections.abc import Callable
from typing import Any

from flask import abort, flash, request
from flask.typing import ResponseReturnValue

from app.extensions import db
from app.kit import operations
from app.kit.audit.event import Actor
from app.kit.database import HIGHEST_BIG_INTEGER, HIGHEST_INTEGER, whole_number
from app.kit.operations import MOST_PICKED, BulkColumns, OperationState, lifecycle, previews
from app.kit.operations.table_models import TableOperation
from app.kit.operations.tables import TableKind
from app.kit.web.downloads import streamed_csv
from app.kit.web.live import is_live


class UnreadableChoice(Exception):
    """The form that chooses rows cannot be read. The message is shown to the user."""


def picked(field: str, nouns: tuple[str, str]) -> list[int]:
    """Return the ids of the rows that a form picks. Raises UnreadableChoice."""
    one, many = nouns
    given = request.form.getlist(field)
    if not given:
        raise UnreadableChoice(f"Select at least one {one}, or all that match.")
    if len(given) > MOST_PICKED:
        raise UnreadableChoice(
            f"Select at most {MOST_PICKED:,} {many} by hand. For more, narrow the list and choose "
            "all that match."
        )
    numbers = [whole_number(each, HIGHEST_BIG_INTEGER) for each in given]
    if None in numbers:
        raise UnreadableChoice(f"The selected {many} could not be read. Select them again.")
    return [each for each in numbers if each is not None and each <= HIGHEST_INTEGER]


def operation_or_404(model: Any, operation_id: int, *, by: Actor) -> Any:
    """Return an operation that `by` may see. Previews are shown to their owner only."""
    operation = db.get_or_404(model, operation_id)
    return operation if operation.is_shown_to(by.id) else abort(404)


def table_operation_or_404(kind: TableKind, operation_id: int, *, by: Actor) -> TableOperation:
    """Return an operation on the rows of a table that `by` may see."""
    operation: TableOperation = operation_or_404(TableOperation, operation_id, by=by)
    is_here = operation.endpoint == kind.name
    if operation.state == OperationState.PREVIEW:  # A new version may lack the action.
        is_here = is_here and operation.action in kind.actions
    is_own = operation.actor_id == by.id
    return operation if is_here and (is_own or not kind.where(by)) else abort(404)


def shown(operation: BulkColumns, *, by: Actor) -> dict[str, Any]:
    """Return the values for the templates of a preview and of a bulk operation."""
    kind = operations.kind_of(operation)
    return {
        "operation": operation,
        "sample": previews.sample(operation) if operation.state == "preview" else (),
        "left_out": previews.left_out(operation),
        "reasons": kind.reasons,
        "stop_reasons": kind.stop_reasons,
        "is_own": operation.actor_id == by.id,
        "is_short": operations.is_short(operation),
        "at_once": lifecycle.AT_ONCE,
        "live": is_live(),
    }


def confirm(operation: BulkColumns, confirmed: Callable[[], None]) -> None:
    """Confirm a preview by `confirmed`, and run the operation here if it is short."""
    try:
        confirmed()
        if operations.is_short(operation):
            operations.run_some(type(operation), operation.id)
    except operations.NotOpen:
        flash("This was confirmed already.", "info")
    except operations.QueueAway:
        pass  # The page of the operation says so while it lasts.


def go_on(operation: BulkColumns, *, by: Actor, is_here: bool = False) -> None:
    """Resume an operation, in the worker or with `is_here` a part of it during the request."""
    try:
        if is_here or operation.remaining <= lifecycle.AT_ONCE:
            operations.begin_again(operation, by=by)
            operations.run_some(type(operation), operation.id)
        else:
            operations.go_on(operation, by=by)
    except operations.NotOpen:
        flash(
            "There is nothing to continue: the bulk change has ended, or was never confirmed.",
            "info",
        )
    except operations.NotYours:
        flash("Only the user who confirmed the bulk change can continue it.", "error")
    except operations.QueueAway:
        pass  # The page of the operation says so while it lasts.


def stop(operation: BulkColumns, *, by: Actor) -> None:
    """Stop an operation after its current batch."""
    try:
        operations.stop(operation, by=by)
        flash("The bulk change is stopped. Finished changes stay.", "success")
    except operations.NotOpen:
        flash("The bulk change has already ended.", "info")


def download(operation: BulkColumns, noun: str, *, by: Actor) -> ResponseReturnValue:
    """Send the result of an operation as a CSV file."""
    name = f"{noun}-{operation.action.replace('_', '-')}-{operation.id}.csv"
    return streamed_csv(name, lambda: operations.result_file(operation, by=by))
