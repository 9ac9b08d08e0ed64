"""Tell the kit which user acts in a bulk action of a table, and delete old operations."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from app.extensions import db
from app.kit import operations
from app.kit.operations import BulkColumns, Stop, tables
from app.kit.operations.table_models import TableOperation
from app.models import User

KEPT = timedelta(days=30)


@tables.owner_loader
def owner(operation: BulkColumns) -> User:
    """Load the owner, and lock them against demotion and suspension.

    Raises Stop if they may no longer sign in.
    """
    options = {"of": User, "read": True}
    by = db.session.get(User, operation.actor_id, populate_existing=True, with_for_update=options)
    if by is None or not by.is_active or not by.confirmed:
        raise Stop("actor_gone")
    if by.role is not None:
        db.session.refresh(by.role)
    return by


def purge() -> int:
    """Delete operations older than KEPT, and those of purged users, and return their number."""
    is_of_nobody = TableOperation.actor_id.not_in(select(User.id))
    return operations.purge(TableOperation, KEPT, is_of_nobody)
