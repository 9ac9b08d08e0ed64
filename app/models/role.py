"""What people may do: permission bits, and the roles that hold them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, String, select
from sqlalchemy.orm import Mapped, WriteOnlyMapped, mapped_column, relationship

from app.extensions import db

if TYPE_CHECKING:
    from app.models.user import User


class Permission(IntFlag):
    """Permission bits. Give a new permission the next free bit, 0x100, 0x200, …, and a text below.

    0x80 is reserved for ADMINISTER, so that holding every other bit does not make an
    administrator. ADMINISTER grants every permission, also those from 0x100 on.
    """

    GENERAL = 0x01
    MANAGE_JOBS = 0x02
    MANAGE_USERS = 0x04
    MANAGE_ROLES = 0x08
    MANAGE_CONTENT = 0x10
    VIEW_AUDIT = 0x20
    IMPERSONATE = 0x40
    ADMINISTER = 0xFF

    @staticmethod
    def grants(held: int, asked: int) -> bool:
        """Tell whether the bits `held` include all the bits `asked`.

        Zero and negative values grant nothing and are granted to nobody.
        """
        if held <= 0 or asked <= 0:
            return False
        is_administrator = held & Permission.ADMINISTER == Permission.ADMINISTER
        return is_administrator or held & asked == asked

    @staticmethod
    def management() -> int:
        """Return the bits that open some page of the admin."""
        return Permission.known() & ~(Permission.GENERAL | 0x80)

    @staticmethod
    def known() -> int:
        """Return every bit that a role may hold."""
        return int(reduce(or_, PERMISSION_TEXTS))


@dataclass(frozen=True)
class PermissionText:
    """What a permission is called where roles are edited, and what it allows, in a sentence."""

    name: str
    sentence: str


PERMISSION_TEXTS = {
    Permission.GENERAL: PermissionText("General", "Use the app as a signed-in person."),
    Permission.MANAGE_JOBS: PermissionText(
        "Manage jobs", "See the queues and the mail, and mend them: retry, resend, cancel, delete."
    ),
    Permission.MANAGE_USERS: PermissionText(
        "Manage people", "Find, invite, import, change, suspend, delete and restore people."
    ),
    Permission.MANAGE_ROLES: PermissionText(
        "Manage roles", "Make, edit and delete roles with permissions that one holds oneself."
    ),
    Permission.MANAGE_CONTENT: PermissionText("Manage content", "Edit the pages of the site."),
    Permission.VIEW_AUDIT: PermissionText(
        "View the audit trail", "See who did what, and take the record away as a file."
    ),
    Permission.IMPERSONATE: PermissionText(
        "Sign in as others", "Use the app as someone else for half an hour, on the record."
    ),
    Permission.ADMINISTER: PermissionText(
        "Administer", "Everything, also what is added to the app later."
    ),
}
"""Every permission that a role can hold, in the order in which the page of a role lists them."""


class Role(db.Model):
    """A named set of permissions."""

    __tablename__ = "roles"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    index: Mapped[str] = mapped_column(String(64), default="main")
    """The blueprint whose `index` page is the home of people with this role."""
    default: Mapped[bool] = mapped_column(default=False, index=True)
    permissions: Mapped[int] = mapped_column(default=0)
    users: WriteOnlyMapped[User] = relationship(back_populates="role", passive_deletes=True)

    def __repr__(self) -> str:
        return f"<Role {self.name!r}>"

    @property
    def is_administrator(self) -> bool:
        return Permission.grants(self.permissions, Permission.ADMINISTER)

    @staticmethod
    def administrators() -> ColumnElement[bool]:
        """Return the condition that a role in a query holds every permission."""
        bits = Role.permissions.bitwise_and(int(Permission.ADMINISTER))
        return bits == int(Permission.ADMINISTER)

    @staticmethod
    def get_default() -> Role | None:
        """Return the role that a new user gets."""
        return db.session.scalar(select(Role).where(Role.default).order_by(Role.id).limit(1))

    @staticmethod
    def insert_roles() -> None:
        """Add the roles that the kit knows and that are missing; the caller commits.

        What people have made of them on the pages of roles stays, with one exception: the
        Administrator holds every permission.
        """
        names = set(db.session.scalars(select(Role.name)))
        if "User" not in names:
            is_default = Role.get_default() is None
            bits = int(Permission.GENERAL)
            db.session.add(Role(name="User", permissions=bits, index="main", default=is_default))
        if "Administrator" not in names:
            db.session.add(Role(name="Administrator", index="admin"))
            db.session.flush()
        administrator = db.session.scalars(select(Role).where(Role.name == "Administrator")).one()
        administrator.permissions = int(Permission.ADMINISTER)
