"""Confirm, run and purge bulk operations on users."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from flask import current_app

from app.features.bulk.models import BulkOperation
from app.features.bulk.services import changing
from app.features.bulk.services.actions import ACTIONS
from app.kit import operations
from app.kit.operations import owners
from app.models import User

operations.register(changing.UsersInBulk())
run = partial(operations.run, BulkOperation)
run_some = partial(operations.run_some, BulkOperation)


def confirm(operation: BulkOperation, *, by: User, reason: str = "", tell: bool = True) -> None:
    """Confirm a preview. Raises NotOpen, NotYours and QueueAway."""
    given = {"reason": reason} if reason and ACTIONS[operation.action].has_reason else {}
    operations.confirm(operation, by=by, tell=tell, **given)


def title(operation: BulkOperation) -> str:
    """Return the title of an operation: Suspend 12 people."""
    count, role_name = operation.to_do, operation.parameters.get("role_name")
    words = f"{ACTIONS[operation.action].verb} {count:,} {'person' if count == 1 else 'people'}"
    return f"{words} to {role_name}" if role_name else words


def purge() -> int:
    """Delete operations older than KEEP_BULK_OPERATIONS days, and return their number.

    Operations of purged users are deleted as well.
    """
    kept = timedelta(days=current_app.config["KEEP_BULK_OPERATIONS"])
    return operations.purge(BulkOperation, kept, owners.is_of_nobody(BulkOperation))
