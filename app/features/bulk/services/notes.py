"""Record a batch: an audit event for each user, and the users left out after the preview."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select, update

from app.extensions import db
from app.features.bulk.models import BulkItem, BulkOperation
from app.features.bulk.services.actions import PlannedAction, UserToChange
from app.kit import audit
from app.kit.database.ids import among
from app.models import User


def leave_out(operation: BulkOperation, left_out: dict[int, str]) -> None:
    """Record users that are left out although the preview included them."""
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


def note(operation: BulkOperation, planned: PlannedAction, people: Sequence[UserToChange]) -> None:
    """Add an audit event for each user, as if an administrator had changed them one by one."""
    change = planned.action.change
    details = {**change.details(planned), "operation": operation.id}
    values = audit.values(change.event, by=None, **details) | operation.provenance
    by_role: dict[str | None, list[int]] = {}
    for person in people:
        by_role.setdefault(person.former_role, []).append(person.id)
    for former_role, ids in by_role.items():
        subjects = select(User.id, User.email).where(among(User.id, ids)).order_by(User.id)
        changes = change.changes(planned, former_role)
        audit.record_each(values | {"changes": changes}, subjects, kind="user")
