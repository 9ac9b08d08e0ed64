"""What pages tell of roles: how many people have each, and whom a change reaches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, func, literal, select, union_all

from app.extensions import db
from app.features.roles.editing import Values
from app.models import Permission, Role, User
from app.models.role import PERMISSION_TEXTS, PermissionText
from app.services.roles import known

COUNT_CAP = 10_000  # beyond this a list says "more than"
MOST_SUBQUERIES = 100  # of a statement; SQLite takes 500


@dataclass(frozen=True)
class Listed:
    """A row of the list. `people` is the least number when `is_capped`."""

    role: Role
    people: int

    @property
    def is_capped(self) -> bool:
        return self.people > COUNT_CAP


@dataclass(frozen=True)
class Effect:
    """What saving a role means for those who have it, and for those who register."""

    people: int
    gains: list[PermissionText]
    loses: list[PermissionText]
    is_own: bool
    instead_of: str
    """The role that people who register no longer get, if this is what they get from now on."""
    voids_passwords: bool
    """Whether accounts that nobody has confirmed have more afterwards than people register with."""

    @property
    def is_felt(self) -> bool:
        return bool(self.instead_of or (self.people and (self.gains or self.loses)))


def listing() -> list[Listed]:
    """Return every role, by name, and how many people have it, counted no further than the cap."""
    roles, counts = known(), dict[int, int]()
    # A role each, by its id: only then does the planner know whether many have it, or few.
    for first in range(0, len(roles), MOST_SUBQUERIES):
        queries = [_capped_count(role.id) for role in roles[first : first + MOST_SUBQUERIES]]
        counts.update(dict(db.session.execute(union_all(*queries)).all()))
    return [Listed(role, counts[role.id]) for role in roles]


def _capped_count(role_id: int) -> Select[Any]:
    people = select(User.id).where(User.role_id == role_id, User.deleted_at.is_(None))
    some = people.limit(COUNT_CAP + 1).subquery()
    return select(literal(role_id), select(func.count()).select_from(some).scalar_subquery())


def count_people(role: Role) -> int:
    """Return how many people have `role`: a count in an index, some 100 ms at a million."""
    query = select(func.count()).select_from(User)
    return db.session.scalar(query.where(User.role_id == role.id, User.deleted_at.is_(None))) or 0


def effect_of(role: Role | None, values: Values, *, by: User) -> Effect:
    """Return what it means when `role`, or a new one, becomes what `values` say."""
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


def _granted_by(bits: int, *, but: int) -> list[PermissionText]:
    return [
        text
        for bit, text in PERMISSION_TEXTS.items()
        if Permission.grants(bits, bit) and not Permission.grants(but, bit)
    ]
