"""Create, change and delete roles."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from sqlalchemy import and_, select, update
from sqlalchemy import delete as delete_rows
from sqlalchemy.exc import IntegrityError

from app.extensions import db
from app.features.roles import reassign_role
from app.kit import audit, edit_conflicts, names, queue
from app.kit.web import landing_pages
from app.models import Permission, Role, User
from app.services import policy, unconfirmed
from app.services.policy import (
    InsufficientPrivileges,
    LastAdministrator,
    RoleGone,
    ensure_may_manage,
    has_administrator,
    lock_role,
)
from app.services.roles import known


class NameTaken(Exception):
    """Another role has this name, ignoring case."""


class UnknownPermission(Exception):
    """The permission bits are zero, negative, or contain unknown bits."""


class DefaultRole(Exception):
    """New users get the default role, so it can neither be deleted nor administer the app."""


class DefaultAbove(InsufficientPrivileges):
    """The current default role has permissions that the acting user lacks."""


@dataclass(frozen=True)
class Values:
    """The editable values of a role."""

    name: str
    index: str
    permissions: int
    default: bool

    def noted(self) -> dict[str, str]:
        """Return the values in words, for pages and the audit trail."""
        return {
            "Name": self.name,
            "Home": landing_pages.words(self.index),
            "Permissions": ", ".join(Permission.names(self.permissions)) or "none",
            "Given to people who register": "yes" if self.default else "no",
        }


def values_of(role: Role) -> Values:
    return Values(role.name, role.index, role.permissions, role.default)


def create(values: Values, *, by: User | None) -> Role:
    """Create a role.

    A new default role voids passwords as in `change`. Raises NameTaken, UnknownPermission,
    InsufficientPrivileges, DefaultAbove and DefaultRole.
    """
    _lock_all(by)
    values = _checked(values, by=by)
    role = Role()
    _refuse_taken(values.name, but=role)
    former_default = _write(role, values, by=by)
    db.session.add(role)
    _flush()
    has_mail = _outgrow(former_default, role, by=by)
    noted = {name.lower(): (None, value) for name, value in values.noted().items()}
    audit.record("role.created", by=by, subject=role, changes=noted)
    _commit(has_mail=has_mail)
    return role


def change(role: Role, values: Values, *, by: User | None, seen: str | None = None) -> None:
    """Change a role. The change applies to all its users from their next request.

    `seen` is the snapshot of the role from when the form was opened. The default role stays the
    default until another role replaces it. Unconfirmed accounts lose their password in two cases:
    a role that is not the default gains permissions, or the former default role had more
    permissions. Each of these users gets a link to choose a password. Raises NameTaken,
    UnknownPermission, InsufficientPrivileges, DefaultAbove, DefaultRole, LastAdministrator,
    RoleGone and edit_conflicts.EditConflict.
    """
    _lock_all(by)
    lock_role(role)
    ensure_may_manage(by, role)
    before = values_of(role)
    edit_conflicts.ensure_unchanged(seen, before.noted(), role)
    values = _checked(values, by=by, default=before.default)
    if values == before:
        db.session.rollback()
        return
    _refuse_taken(values.name, but=role)
    was_administrator = role.is_administrator
    former_default = _write(role, values, by=by)
    _flush()
    if was_administrator and not role.is_administrator:
        _keep_an_administrator()
    has_mail = _outgrow(former_default, role, by=by)
    if not role.default and not Permission.grants(before.permissions, role.permissions):
        has_mail |= _void_passwords(role, by=by)
    old, new = before.noted(), values.noted()
    noted = {name.lower(): (old[name], new[name]) for name in new if old[name] != new[name]}
    audit.record("role.changed", by=by, subject=role, changes=noted)
    _commit(has_mail=has_mail)


def _outgrow(former_default: Role | None, role: Role, *, by: User | None) -> bool:
    """Void the passwords of unconfirmed accounts if the former default role allowed more.

    `former_default` is the role that `role` replaced, or None. Return whether there is mail.
    """
    if former_default is None or Permission.grants(role.permissions, former_default.permissions):
        return False
    return _void_passwords(former_default, by=by)


def _commit(*, has_mail: bool) -> None:
    db.session.commit()
    if has_mail:
        queue.enqueue("drain_outbox")


def _void_passwords(role: Role, *, by: User | None) -> bool:
    """Void the passwords of the unconfirmed users with `role`, and mail each of them a link."""
    people = and_(User.role_id == role.id, User.confirmed.is_(False))
    # Lock in the order of ids, as all code does.
    locked = select(User.id).where(people).order_by(User.id)
    db.session.execute(locked.with_for_update(key_share=True))
    return unconfirmed.void_passwords(people, audit.provenance(by), with_link=True)


def delete(role: Role, *, move_to: Role, by: User | None) -> int:
    """Delete `role`, move its users to `move_to`, and return their number.

    This is one transaction. All moved users get a mail, except deleted ones. Raises
    InsufficientPrivileges, DefaultRole, LastAdministrator, RoleGone and reassign_role.TooManyUsers.
    """
    _lock_all(by)
    lock_role(role, to_delete=True)
    lock_role(move_to)
    if role.id == move_to.id:
        db.session.rollback()
        raise RoleGone
    ensure_may_manage(by, role, move_to)
    if role.default:
        db.session.rollback()
        raise DefaultRole
    moved = reassign_role.move_users(role, to=move_to, by=by)
    if role.is_administrator:
        _keep_an_administrator()
    noted = {name.lower(): (value, None) for name, value in values_of(role).noted().items()}
    audit.record(
        "role.deleted", by=by, subject=role, changes=noted, people=moved, moved_to=move_to.name
    )
    db.session.flush()
    db.session.execute(delete_rows(Role).where(Role.id == role.id))
    _commit(has_mail=moved > 0)
    return moved


def _lock_all(by: User | None) -> None:
    """Lock all roles, so that only one request changes roles or removes administrators.

    Raises PrivilegesLost if the acting user may no longer change roles.
    """
    # Use the same order as policy.lock_administrators to avoid a deadlock.
    everything = select(Role.id).order_by(Role.id).with_for_update(key_share=True)
    db.session.execute(everything)
    policy.forget_roles()
    policy.read_actor_again(by, Permission.MANAGE_ROLES)


def _checked(values: Values, *, by: User | None, default: bool = False) -> Values:
    """Validate and normalise `values`.

    Raises UnknownPermission, InsufficientPrivileges and DefaultRole.
    """
    bits = values.permissions
    if bits <= 0 or bits & ~Permission.known():
        raise UnknownPermission
    if Permission.grants(bits, Permission.ADMINISTER):
        bits = int(Permission.ADMINISTER)  # It includes all permissions, also future ones.
    elif bits & 0x80:
        raise UnknownPermission
    if not policy.may_grant(by, bits):
        raise InsufficientPrivileges
    is_default = default or values.default
    if is_default and bits == Permission.ADMINISTER:
        raise DefaultRole
    name = " ".join(unicodedata.normalize("NFC", values.name).split())
    return Values(name, values.index, bits, is_default)


def _refuse_taken(name: str, *, but: Role) -> None:
    if any(names.fold(role.name) == names.fold(name) for role in known() if role is not but):
        raise NameTaken


def _write(role: Role, values: Values, *, by: User | None) -> Role | None:
    """Write `values` to `role`, and return the default role that it replaces, or None."""
    former = _end_default(by) if values.default and not role.default else None
    role.name, role.index = values.name, values.index
    role.permissions, role.default = values.permissions, values.default
    return former


def _end_default(by: User | None) -> Role | None:
    """Unset `default` on the current default role, and record the change. Raises DefaultAbove."""
    former = Role.get_default()
    if former is None:
        return None
    if not policy.may_grant(by, former.permissions):
        db.session.rollback()
        raise DefaultAbove
    # Write this first, because the database allows only one default role.
    db.session.execute(update(Role).where(Role.default).values(default=False))
    noted = {"given to people who register": ("yes", "no")}
    audit.record("role.changed", by=by, subject=former, changes=noted)
    return former


def _flush() -> None:
    """Flush the changes. Raises NameTaken if a concurrent request took the name (PostgreSQL)."""
    try:
        db.session.flush()
    except IntegrityError:
        db.session.rollback()
        raise NameTaken from None


def _keep_an_administrator() -> None:
    db.session.flush()
    if not has_administrator():
        db.session.rollback()
        raise LastAdministrator
