"""Confirm, run and purge bulk operations on users."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

from flask import current_app
from sqlalchemy import select

from app.features.bulk.models import BulkOperation
from app.features.bulk.services import changing
from app.features.bulk.services.actions import ACTIONS
from app.kit import operations
from app.kit.permissions import within
from app.models import Permission, User
from app.services.policy import InsufficientPrivileges, may_grant

JOB_TIMEOUT = 2 * 60 * 60  # seconds; ten million users take less

operations.register(changing.UsersInBulk())
run = partial(operations.run, BulkOperation)
run_some = partial(operations.run_some, BulkOperation)


def confirm(operation: BulkOperation, *, by: User, reason: str = "", tell: bool = True) -> None:
    """Confirm a preview. Raises NotOpen, NotYours and QueueAway.

    With a token, the operation has the scopes of the token to its end.
    """
    parameters: dict[str, Any] = {}
    if reason and ACTIONS[operation.action].has_reason:
        parameters["reason"] = reason
    if by.scopes is not None:
        parameters |= {"scopes": by.scopes, "token": by.token_name}
    operations.confirm(operation, by=by, tell=tell, **parameters)


def ensure_may_continue(operation: BulkOperation, *, by: User) -> None:
    """Raise InsufficientPrivileges if a token lacks permissions with which it was confirmed."""
    held = by.role.permissions if by.role else 0
    scopes = operation.parameters.get("scopes")
    if not may_grant(by, within(held, scopes, every=Permission.ADMINISTER)):
        raise InsufficientPrivileges


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
    is_of_nobody = BulkOperation.actor_id.not_in(select(User.id))
    return operations.purge(BulkOperation, kept, is_of_nobody)
