"""Lock rows and check the rules again before each batch."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select

from app.extensions import db, is_sqlite
from app.features.bulk.models import BulkOperation
from app.features.bulk.services.actions import ACTIONS, PlannedAction, UserToChange
from app.kit.database import now
from app.kit.database.ids import among
from app.kit.operations import Stop, owners
from app.models import Permission, Role, User
from app.services import policy


def planned_action(
    operation: BulkOperation, *, by: User | None, role: Role | None
) -> PlannedAction:
    """Return the action of an operation with its arguments."""
    return PlannedAction(
        action=ACTIONS[operation.action],
        by=by,
        actor_ids=operation.actor_ids,
        role=role,
        reason=operation.parameters.get("reason", ""),
        tell=operation.parameters.get("tell", False),
        at=now(),
    )


def lock(operation: BulkOperation, ids: Sequence[int]) -> PlannedAction:
    """Lock every row that the rules read, in the same order as all other code.

    The order is: administrators, the assigned role, then users by id. The actor is among the
    users, so the actor cannot lose a permission meanwhile. Raises Stop and RoleGone.
    """
    action = ACTIONS[operation.action]
    if not action.is_offered or not action.change.is_open():
        raise Stop("not_offered")
    role_id = operation.parameters.get("role_id")
    role = db.session.get(Role, role_id) if role_id else None
    if role_id and role is None:
        raise Stop("role_gone")
    planned = planned_action(operation, by=None, role=role)
    # The role may be about to gain or lose the permission that makes its users administrators.
    if planned.takes_administrators or role is not None:
        policy.lock_administrators()
    if role is not None:
        policy.lock_role(role)
    if not is_sqlite():  # On SQLite, the transaction already holds the only lock.
        locked = select(User.id).where(among(User.id, [*ids, *planned.actor_ids])).order_by(User.id)
        db.session.execute(locked.with_for_update(key_share=True)).all()
    by = _actor(operation)
    if not policy.may_grant(by, role.permissions if role else 0):
        raise Stop("role_above")
    return planned_action(operation, by=by, role=role)


def _actor(operation: BulkOperation) -> User:
    """Return the user who confirmed the operation, if still allowed. Raises Stop."""
    by: User | None = owners.reload(operation)
    if by is None:
        raise Stop("actor_gone")
    by.scopes = operation.parameters.get("scopes")
    if not by.can(Permission.MANAGE_USERS):
        raise Stop("actor_may_not")
    return by


def sort_out(
    planned: PlannedAction, ids: Sequence[int]
) -> tuple[list[UserToChange], dict[int, str]]:
    """Return the users to process, and the reason for each user of `ids` to leave out."""
    columns = (User.id, User.email, User.first_name, User.last_name, Role.name, User.confirmed)
    query = select(*columns, Role.permissions, planned.why_not()).outerjoin(User.role)
    rows = db.session.execute(query.where(among(User.id, ids)).order_by(User.id)).all()
    left_out = {row[0]: row[-1] for row in rows if row[-1]}
    if len(rows) < len(ids):
        left_out |= dict.fromkeys(set(ids) - {row[0] for row in rows}, "gone")
    administrators = [row[0] for row in rows if not row[-1] and _is_administrator(row[-2])]
    if administrators and planned.takes_administrators:
        left_out |= _spare_one(administrators)
    deleted_at = planned.action.change.columns(planned).get("deleted_at")
    people = [
        UserToChange(*row[:6], planned.role, deleted_at) for row in rows if row[0] not in left_out
    ]
    return people, left_out


def _is_administrator(permissions: int | None) -> bool:
    return permissions is not None and Permission.grants(permissions, Permission.ADMINISTER)


def _spare_one(administrators: list[int]) -> dict[int, str]:
    """Leave out one of these administrators if no other one remains."""
    if policy.has_administrator(but=administrators):
        return {}
    who_can = select(func.min(User.id)).where(policy.can_sign_in())
    spared = db.session.scalar(who_can.where(among(User.id, administrators)))
    return {} if spared is None else {spared: "last_administrator"}
