"""Permission bits, and the roles that hold them."""

from __future__ import annotations

from enum import IntFlag, unique
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any, ClassVar

from sqlalchemy import ColumnElement, Index, String, select, text
from sqlalchemy.orm import Mapped, WriteOnlyMapped, mapped_column, relationship

from app.extensions import db
from app.kit.permissions import PermissionText, check_permissions

if TYPE_CHECKING:
    from app.models.user import User


@unique
class Permission(IntFlag):
    """Permission bits. Give your own permissions the next free bit from 2**16 on, and a text below.

    The bits below 2**16 belong to the kit. 0x80 is reserved for ADMINISTER, so that a role with
    every other bit is not an administrator. ADMINISTER grants every permission, yours too. The app
    does not start if two permissions share a bit, or if a bit has no text.
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

        Zero and negative values grant nothing and are never granted.
        """
        if held <= 0 or asked <= 0:
            return False
        is_administrator = held & Permission.ADMINISTER == Permission.ADMINISTER
        return is_administrator or held & asked == asked

    @staticmethod
    def grants_any(held: int, asked: int) -> bool:
        """Tell whether the bits `held` include at least one of the bits `asked`."""
        if held <= 0 or asked <= 0:
            return False
        return held & asked & ~0x80 > 0 or Permission.grants(held, Permission.ADMINISTER)

    @staticmethod
    def names(held: int) -> list[str]:
        """Return the names of the bits `held`, and the number of a bit without a name."""
        if Permission.grants(held, Permission.ADMINISTER):
            return [PERMISSION_TEXTS[Permission.ADMINISTER].name]
        bits = [1 << place for place in range(held.bit_length()) if held >> place & 1]
        return [PERMISSION_TEXTS[bit].name if bit in PERMISSION_TEXTS else hex(bit) for bit in bits]

    @staticmethod
    def management() -> int:
        """Return the bits that open the admin, as declared by `opens_admin`."""
        return sum(int(bit) for bit, text in PERMISSION_TEXTS.items() if text.opens_admin)

    @staticmethod
    def known() -> int:
        """Return every bit that a role may hold."""
        return int(reduce(or_, PERMISSION_TEXTS))


PERMISSION_TEXTS: dict[int, PermissionText] = {
    Permission.GENERAL: PermissionText("General", "Use the parts of the app for signed-in users."),
    Permission.MANAGE_JOBS: PermissionText(
        "Manage jobs",
        "View the queues and outgoing mail. Retry, resend, cancel and delete their entries.",
        opens_admin=True,
    ),
    Permission.MANAGE_USERS: PermissionText(
        "Manage users",
        "View all users, and manage those within their own permissions.",
        opens_admin=True,
    ),
    Permission.MANAGE_ROLES: PermissionText(
        "Manage roles",
        "Create, edit and delete roles within their own permissions.",
        opens_admin=True,
    ),
    Permission.MANAGE_CONTENT: PermissionText(
        "Manage content", "Edit the texts of the site.", opens_admin=True
    ),
    Permission.VIEW_AUDIT: PermissionText(
        "View the audit trail",
        "View and export the audit trail.",
        opens_admin=True,
    ),
    Permission.IMPERSONATE: PermissionText(
        "Impersonate users",
        "Sign in as another user for a limited time. Every action is recorded.",
        opens_admin=True,
    ),
    Permission.ADMINISTER: PermissionText("Administer", "All permissions, including future ones."),
}
"""Every permission that a role can have, in the order of the page of a role."""

check_permissions(Permission, PERMISSION_TEXTS, every=Permission.ADMINISTER)

ONLY_DEFAULT: Any = {"sqlite_where": text('"default"'), "postgresql_where": text('"default"')}


class Role(db.Model):
    """A named set of permissions."""

    __tablename__ = "roles"
    # At most one role is the default.
    __table_args__: ClassVar[tuple[Any, ...]] = (
        Index("uq_roles_default", "default", unique=True, **ONLY_DEFAULT),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    index: Mapped[str] = mapped_column(String(64), default="account")
    """The blueprint whose `index` page is the landing page of users with this role."""
    default: Mapped[bool] = mapped_column(default=False)
    """Whether users who register get this role. Exactly one role is the default."""
    permissions: Mapped[int] = mapped_column(default=0)
    users: WriteOnlyMapped[User] = relationship(back_populates="role", passive_deletes=True)

    def __repr__(self) -> str:
        return f"<Role {self.name!r}>"

    @property
    def is_administrator(self) -> bool:
        return Permission.grants(self.permissions, Permission.ADMINISTER)

    @staticmethod
    def administrators() -> ColumnElement[bool]:
        """Return the SQL condition that a role has every permission."""
        bits = Role.permissions.bitwise_and(int(Permission.ADMINISTER))
        return bits == int(Permission.ADMINISTER)

    @staticmethod
    def granting(asked: int) -> ColumnElement[bool]:
        """Return the SQL condition that a role grants all the bits `asked`."""
        return (Role.permissions.bitwise_and(asked) == asked) | Role.administrators()

    @staticmethod
    def get_default(*, to_give: bool = False) -> Role | None:
        """Return the role that a new user gets.

        With `to_give`, the role is locked: nobody can delete it before this transaction ends.
        """
        query = select(Role).where(Role.default)
        if not to_give:
            return db.session.scalar(query)
        locking = query.with_for_update(read=True, key_share=True)
        # While this query waits for the lock, another role may become the default and the old one
        # may be deleted. The first query then finds no row; the second finds the new default.
        return db.session.scalar(locking) or db.session.scalar(locking)

    @staticmethod
    def insert_roles() -> None:
        """Add missing roles that the kit needs; the caller commits.

        The kit needs a default role and a role with every permission, whatever their names.
        Existing roles stay as they are. If no role holds every permission, Administrator is added
        or gets every permission again.
        """
        roles = {role.name: role for role in db.session.scalars(select(Role))}
        if Role.get_default() is None:
            bits = int(Permission.GENERAL)
            default = roles.get("User") or Role(name="User", permissions=bits, index="account")
            default.default = True
            db.session.add(default)
        if not any(role.is_administrator for role in roles.values()):
            role = roles.get("Administrator") or Role(name="Administrator", index="admin")
            role.permissions = int(Permission.ADMINISTER)
            db.session.add(role)
