"""Who may do what to whom: nobody reaches above themselves, and an administrator always remains."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, inspect, select
from sqlalchemy.exc import InvalidRequestError

from app.extensions import db
from app.models import Permission, Role, User


class LastAdministrator(Exception):
    """Without this one nobody could administer the app."""


class NotOnSelf(Exception):
    """Administrators do not do this to their own account."""


class InsufficientPrivileges(Exception):
    """It reaches people or permissions beyond those of whoever acts."""


class PrivilegesLost(InsufficientPrivileges):
    """Whoever acts was demoted, suspended or deleted since they asked for it."""


class NotWhileImpersonating(Exception):
    """Whoever is signed in as someone else leaves it to them."""


class UserGone(Exception):
    """Someone else deleted the user in the meantime."""


class RoleGone(Exception):
    """Someone else deleted the role in the meantime."""


def may_grant(by: User | None, permissions: int) -> bool:
    """Tell whether `by` holds all of `permissions`; None is the command line, which holds all."""
    return by is None or permissions == 0 or by.can(permissions)


def ensure_may_manage(by: User | None, *roles: Role | None) -> None:
    """Raise InsufficientPrivileges unless `by` holds every permission of each of `roles`."""
    if not all(may_grant(by, role.permissions) for role in roles if role is not None):
        raise InsufficientPrivileges


def ensure_not_self(user: User, by: User | None) -> None:
    """Raise NotOnSelf if `by`, or whoever is signed in as `by`, would act on themselves."""
    if user.id in actor_ids(by):
        raise NotOnSelf


def actor_ids(by: User | None) -> set[int]:
    """Return the ids of `by` and of whoever is signed in as `by`."""
    return {one.id for one in _acting(by)}


def ensure_not_impersonating(by: User | None) -> None:
    """Raise NotWhileImpersonating if someone else is signed in as `by`.

    Goes before whatever asks for a password or decides who can sign in, and how.
    """
    if by is not None and by.impersonator is not None:
        raise NotWhileImpersonating


def assignable(by: User | None) -> ColumnElement[bool]:
    """Return the condition that a role in a query has no permission that `by` lacks."""
    if by is None or by.is_admin():
        return Role.permissions >= 0
    held = by.role.permissions if by.role else 0
    return Role.permissions.bitwise_and(held) == Role.permissions


def lock(user: User, *, by: User | None = None) -> None:
    """Read `user` again, and let nobody else change them before this is done. Raises UserGone.

    With `by` whoever acts is kept from losing meanwhile what allows it: see lock_actor.
    """
    # By their ids, as everyone who locks several does, so that no two wait for each other.
    for one in sorted({*_acting(by), user}, key=_number):
        _lock(one, UserGone if one is user else PrivilegesLost, read=one is not user)
    _require_authority(by, oneself=user is by)


def lock_actor(by: User | None) -> None:
    """Read whoever acts again, and let nobody demote or suspend them before this is done.

    Where someone else is locked too, `lock` does it. Others may act in the same name meanwhile.
    Raises PrivilegesLost unless they may still manage people.
    """
    for one in sorted(_acting(by), key=_number):
        _lock(one, PrivilegesLost, read=True)
    _require_authority(by)


def read_actor_again(by: User | None, permission: int) -> None:
    """Raise PrivilegesLost unless whoever acts may still do what needs `permission`.

    Goes after lock_administrators, which whoever demotes, suspends or deletes someone waits for.
    """
    for one in _acting(by):
        try:
            db.session.refresh(one)
        except InvalidRequestError:
            db.session.rollback()
            raise PrivilegesLost from None
    _require_authority(by, permission)


def _acting(by: User | None) -> list[User]:
    """Return whoever acts, and who is signed in as them."""
    return [one for one in (by, by.impersonator if by else None) if one is not None]


def _number(user: User) -> int:
    """Return the id, also of one whose row is gone."""
    number: int = inspect(user).identity[0]
    return number


def _lock(user: User, otherwise: type[Exception], *, read: bool) -> None:
    try:
        db.session.refresh(user, with_for_update={"of": User, "read": read})
    except InvalidRequestError:
        db.session.rollback()
        raise otherwise from None


def _require_authority(
    by: User | None, permission: int = Permission.MANAGE_USERS, *, oneself: bool = False
) -> None:
    if by is None:
        return
    for one in _acting(by):
        if one.role is not None:
            db.session.refresh(one.role)
    may = oneself or by.can(permission)
    is_themselves = by.impersonator is None or by.impersonator.may_act_as(by)
    if not (may and is_themselves and all(one.is_active and one.confirmed for one in _acting(by))):
        db.session.rollback()
        raise PrivilegesLost


def lock_role(role: Role, *, to_delete: bool = False) -> None:
    """Read `role` again, and keep it until someone who is given it has it. Raises RoleGone.

    Goes after lock_administrators and before any user is locked: whoever deletes a role locks in
    that order too, and waits for those who are giving it.
    """
    how: Any = True if to_delete else {"read": True, "key_share": True}
    try:
        db.session.refresh(role, with_for_update=how)
    except InvalidRequestError:
        db.session.rollback()
        raise RoleGone from None


def lock_administrators() -> None:
    """Make others wait who take an administrator away.

    The administrators' roles are locked, so that of two who demote each other at once the second
    counts after the first has committed. On SQLite the transaction holds the only write lock
    already. Whoever is given one of these roles meanwhile is not kept waiting. What roles hold is
    read again afterwards: it may have been changed while this waited.
    """
    roles = select(Role.id).where(Role.administrators()).order_by(Role.id)
    db.session.execute(roles.with_for_update(key_share=True))
    forget_roles()


def forget_roles() -> None:
    """Read again what roles hold, and who has which, when it is next asked for."""
    for row in db.session.identity_map.values():
        if isinstance(row, Role):
            db.session.expire(row)
        elif isinstance(row, User):
            db.session.expire(row, ["role_id", "role"])


def has_administrator(*, but: list[int] | None = None) -> bool:
    """Tell whether someone who can sign in administers the app, also without the users `but`."""
    query = select(User.id).join(User.role).where(Role.administrators(), can_sign_in())
    if but:
        query = query.where(User.id.not_in(but))
    return db.session.scalar(query.limit(1)) is not None


def can_sign_in() -> ColumnElement[bool]:
    """Return the condition that a user in a query is confirmed, has a password and may enter."""
    return User.confirmed & User.password_hash.is_not(None) & User.is_active
