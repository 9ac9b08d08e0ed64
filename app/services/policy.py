"""The authorization policy of actions on users and roles.

Users cannot manage users or roles with permissions that they lack, and at least one administrator
always remains.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, inspect, select
from sqlalchemy.exc import InvalidRequestError

from app.extensions import db
from app.kit import slots
from app.models import Permission, Role, User
from app.services.own_account import UserGone, lock_account


class LastAdministrator(Exception):
    """Raised if an action would remove the last administrator."""


class NotOnSelf(Exception):
    """Raised if administrators try this action on their own account."""


class InsufficientPrivileges(Exception):
    """Raised if an action affects users or roles with permissions that the actor lacks."""


class PrivilegesLost(InsufficientPrivileges):
    """Raised if the actor was demoted, suspended or deleted while the request was in progress."""


class RoleGone(Exception):
    """Raised if another request deleted the role meanwhile."""


def may_grant(by: User | None, permissions: int) -> bool:
    """Tell whether `by` has all of `permissions`. The command line, None, has all."""
    return by is None or permissions == 0 or by.can(permissions)


def ensure_may_manage(by: User | None, *roles: Role | None) -> None:
    """Raise InsufficientPrivileges unless `by` has every permission of each of `roles`."""
    if not all(may_grant(by, role.permissions) for role in roles if role is not None):
        raise InsufficientPrivileges


def ensure_not_self(user: User, by: User | None) -> None:
    """Raise NotOnSelf if `user` is `by` or the impersonator of `by`."""
    if user.id in actor_ids(by):
        raise NotOnSelf


def actor_ids(by: User | None) -> set[int]:
    """Return the ids of `by` and of the impersonator of `by`."""
    return {actor.id for actor in _actors(by)}


def assignable(by: User | None) -> ColumnElement[bool]:
    """Return the SQL condition that a role has no permission that `by` lacks."""
    if by is None or by.is_admin():
        return Role.permissions >= 0
    return Role.permissions.bitwise_and(by.permissions) == Role.permissions


def lock(user: User, *, by: User | None = None) -> None:
    """Lock `user` until the end of the transaction, and refresh them. Raises UserGone.

    With `by`, the actor is locked too and cannot lose their permission meanwhile: see lock_actor.
    """
    # Every transaction locks users in the order of their ids, which prevents deadlocks.
    for each in sorted({*_actors(by), user}, key=_id_of):
        lock_account(each, UserGone if each is user else PrivilegesLost, read=each is not user)
    _require_authority(by, oneself=user is by)


def lock_actor(by: User | None) -> None:
    """Lock the actor against demotion and suspension until the end of the transaction.

    Use `lock` to lock another user as well. The lock is shared, so other requests of the same actor
    do not wait. Raises PrivilegesLost unless the actor may still manage users.
    """
    for actor in sorted(_actors(by), key=_id_of):
        lock_account(actor, PrivilegesLost, read=True)
    _require_authority(by)


def read_actor_again(by: User | None, permission: int) -> None:
    """Refresh the actor. Raises PrivilegesLost unless they still have `permission`.

    Call this after lock_administrators: transactions that demote, suspend or delete a user wait for
    that lock.
    """
    for actor in _actors(by):
        try:
            db.session.refresh(actor)
        except InvalidRequestError:
            db.session.rollback()
            raise PrivilegesLost from None
    _require_authority(by, permission)


def _actors(by: User | None) -> list[User]:
    """Return the actor and, during an impersonation, the impersonator."""
    return [user for user in (by, by.impersonator if by else None) if user is not None]


def _id_of(user: User) -> int:
    """Return the id of a user, even if the row was deleted."""
    user_id: int = inspect(user).identity[0]
    return user_id


def _require_authority(
    by: User | None, permission: int = Permission.MANAGE_USERS, *, oneself: bool = False
) -> None:
    if by is None:
        return
    actors = _actors(by)
    for actor in actors:
        if actor.role is not None:
            db.session.refresh(actor.role)
    is_permitted = oneself or by.can(permission)
    may_impersonate = by.impersonator is None or by.impersonator.may_act_as(by)
    are_active = all(actor.is_active and actor.confirmed for actor in actors)
    if not (is_permitted and may_impersonate and are_active):
        db.session.rollback()
        raise PrivilegesLost


def lock_role(role: Role, *, to_delete: bool = False) -> None:
    """Lock `role` while it is assigned to a user, or with `to_delete` exclusively. Raises RoleGone.

    Call this after lock_administrators and before locking users. Deleting a role locks in the same
    order, and waits for transactions that assign the role.
    """
    strength: Any = True if to_delete else {"read": True, "key_share": True}
    try:
        db.session.refresh(role, with_for_update=strength)
    except InvalidRequestError:
        db.session.rollback()
        raise RoleGone from None


def lock_administrators() -> None:
    """Lock the administrators' roles, so that no other transaction removes an administrator.

    If two administrators demote each other at once, the second counts after the first has
    committed. On SQLite the transaction already holds the only write lock. Assigning one of these
    roles to a user does not wait. Roles are read again afterwards, because they may have changed
    while this waited.
    """
    roles = select(Role.id).where(Role.administrators()).order_by(Role.id)
    db.session.execute(roles.with_for_update(key_share=True))
    forget_roles()


def forget_roles() -> None:
    """Expire the loaded roles and the role of each loaded user, so that the next access reloads."""
    for row in db.session.identity_map.values():
        if isinstance(row, Role):
            db.session.expire(row)
        elif isinstance(row, User):
            db.session.expire(row, ["role_id", "role"])


def has_administrator(*, but: Sequence[int] = ()) -> bool:
    """Tell whether an administrator who can sign in remains, not counting the users `but`."""
    query = select(User.id).join(User.role).where(Role.administrators(), can_sign_in())
    return db.session.scalar(query.where(User.id.not_in(but)).limit(1)) is not None


def can_sign_in() -> ColumnElement[bool]:
    """Return the SQL condition that a user is confirmed, active and has a way to sign in."""
    has_method = User.password_hash.is_not(None) | slots.has_sign_in_method(User.id)
    return User.confirmed & has_method & User.is_active
