"""What people may do: permission bits, and the roles that hold them."""

from __future__ import annotations

from enum import IntFlag
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, String, select
from sqlalchemy.orm import Mapped, WriteOnlyMapped, mapped_column, relationship

from app.extensions import db

if TYPE_CHECKING:
    from app.models.user import User


class Permission(IntFlag):
    """Permission bits. Give a new permission the next free bit after MANAGE_JOBS: 0x04, 0x08, …

    0x80 is reserved for ADMINISTER, so that holding every other bit does not make an
    administrator. ADMINISTER grants every permission, also those from 0x100 on.
    """

    GENERAL = 0x01
    # See the queues and the mail in the admin, and mend them: retry, resend, cancel, delete.
    MANAGE_JOBS = 0x02
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
        """Add the roles that the kit knows, and put right what differs in those that are there.

        The caller commits.
        """
        known = {
            "User": (Permission.GENERAL, "main", True),
            "Administrator": (Permission.ADMINISTER, "admin", False),
        }
        for name, (permissions, index, default) in known.items():
            role = db.session.scalar(select(Role).where(Role.name == name))
            if role is None:
                role = Role(name=name)
                db.session.add(role)
            role.permissions, role.index, role.default = int(permissions), index, default
