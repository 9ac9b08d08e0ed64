"""Count the users of each role, and describe the effect of a change, for the pages of roles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, func, literal, select, union_all

from app.extensions import db
from app.features.roles.editing import Values
from app.kit.permissions import PermissionText, permissions_asked
from app.kit.tables.totals import Total
from app.models import Permission, Role, User
from app.models.role import PERMISSION_TEXTS

COUNT_CAP = 10_000  # beyond this a list says "more than"
MOST_SUBQUERIES = 100  # subqueries in a statement; SQLite allows 500


@dataclass(frozen=True)
class CountedRole:
    """A row of the list: a role, and the number of its users, counted up to COUNT_CAP."""

    role: Role
    people: Total

    @property
    def id(self) -> int:
        return self.role.id

    @property
    def name(self) -> str:
        return self.role.name


@dataclass(frozen=True)
class Effect:
    """The effect of a change on the users of a role, and on new users."""

    people: int
    gains: list[PermissionText]
    loses: list[PermissionText]
    is_own: bool
    instead_of: str
    """Name of the default role that this role replaces, or ""."""
    voids_passwords: bool
    """Whether unconfirmed accounts would have more permissions than newly registered ones."""

    @property
    def is_felt(self) -> bool:
        return bool(self.instead_of or (self.people and (self.gains or self.loses)))


def counted(roles: list[Role]) -> list[CountedRole]:
    """Return the rows of roles, each with its number of users."""
    counts = dict[int, int]()
    # Use a subquery per role id, because only then the planner can estimate its number of users.
    for first in range(0, len(roles), MOST_SUBQUERIES):
        queries = [_capped_count(role.id) for role in roles[first : first + MOST_SUBQUERIES]]
        counts.update(dict(db.session.execute(union_all(*queries)).all()))
    return [CountedRole(role, _total(counts[role.id])) for role in roles]


def _total(count: int) -> Total:
    return Total(count) if count <= COUNT_CAP else Total(COUNT_CAP, "more")


def _capped_count(role_id: int) -> Select[Any]:
    people = select(User.id).where(User.role_id == role_id, User.deleted_at.is_(None))
    some = people.limit(COUNT_CAP + 1).subquery()
    return select(literal(role_id), select(func.count()).select_from(some).scalar_subquery())


def count_people(role: Role) -> int:
    """Return the number of users with `role`. The index scan takes 100 ms for a million users."""
    query = select(func.count()).select_from(User)
    return db.session.scalar(query.where(User.role_id == role.id, User.deleted_at.is_(None))) or 0


def effect_of(role: Role | None, values: Values, *, by: User) -> Effect:
    """Return the effect of saving `values` to `role`, or to a new role."""
    before, after = role.permissions if role else 0, values.permissions
    default = Role.get_default()
    is_new_default = values.default and default is not None and default is not role
    gains = _granted_by(after, but=before)
    outgrown = default is not None and not Permission.grants(after, default.permissions)
    return Effect(
        people=count_people(role) if role else 0,
        gains=gains,
        loses=_granted_by(before, but=after),
        is_own=role is not None and role.id == by.role_id,
        instead_of=default.name if is_new_default and default else "",
        voids_passwords=outgrown if is_new_default else bool(gains) and role is not default,
    )


def permissions_in_use() -> set[int]:
    """Return the permissions that open something, and the two that always count."""
    return permissions_asked(PERMISSION_TEXTS) | {Permission.GENERAL, Permission.ADMINISTER}


def _granted_by(bits: int, *, but: int) -> list[PermissionText]:
    return [
        text
        for bit, text in PERMISSION_TEXTS.items()
        if Permission.grants(bits, bit) and not Permission.grants(but, bit)
    ]
