"""Users: their accounts and their permissions."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from flask_login import UserMixin
from sqlalchemy import (
    ColumnElement,
    Computed,
    ForeignKey,
    Index,
    String,
    Text,
    false,
    select,
    text,
)
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import (
    Mapped,
    WriteOnlyMapped,
    mapped_column,
    relationship,
    validates,
)

from app.extensions import db
from app.kit import erasing, names, passwords
from app.kit.database import UtcDateTime, now
from app.kit.names import EMAIL_LENGTH, NAME_LENGTH, canonical_email
from app.kit.passwords import older_hashes
from app.kit.permissions import within
from app.models.role import Permission, Role
from app.models.user_links import UserLinks
from app.models.user_session import UserSession

# The first condition that holds, as in account_status. Both databases store it as a column.
STATUS = """CASE
    WHEN deleted_at IS NOT NULL THEN 'deleted'
    WHEN suspended_at IS NOT NULL THEN 'suspended'
    WHEN invited_at IS NOT NULL AND password_hash IS NULL THEN 'invited'
    WHEN confirmed THEN 'active'
    ELSE 'unconfirmed'
END"""
STATUSES = ("active", "unconfirmed", "invited", "suspended", "deleted")

# Lists show users who are not deleted, so their indexes hold no others.
NOT_DELETED: Any = {
    "sqlite_where": text("deleted_at IS NULL"),
    "postgresql_where": text("deleted_at IS NULL"),
}
# The nightly clean-up finds the users to erase in this index.
DELETED: Any = {
    "sqlite_where": text("deleted_at IS NOT NULL"),
    "postgresql_where": text("deleted_at IS NOT NULL"),
}


class User(UserMixin, UserLinks, db.Model):
    """A user with an account, or with an open invitation to one."""

    __tablename__ = "users"
    # Ids are never used again: an old cookie or link must not open another user's account.
    __table_args__: ClassVar[tuple[Any, ...]] = (
        Index("ix_users_name", "last_name", "first_name", "id", **NOT_DELETED),
        Index("ix_users_created", "created_at", "id", **NOT_DELETED),
        Index("ix_users_last_seen", "last_seen_at", "id", **NOT_DELETED),
        Index("ix_users_email", "email", "id", **NOT_DELETED),
        Index("ix_users_role", "role_id", "created_at", "id", "deleted_at"),
        Index("ix_users_status", "status", "created_at", "id", "deleted_at"),
        Index("ix_users_deleted", "deleted_at", "id", **DELETED),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    confirmed: Mapped[bool] = mapped_column(default=False)
    first_name: Mapped[str] = mapped_column(String(NAME_LENGTH), default="")
    last_name: Mapped[str] = mapped_column(String(NAME_LENGTH), default="")
    email: Mapped[str] = mapped_column(String(EMAIL_LENGTH), unique=True)
    pending_email: Mapped[str | None] = mapped_column(String(EMAIL_LENGTH))
    password_hash: Mapped[str | None] = mapped_column(String(255))
    role_id: Mapped[int | None] = mapped_column(ForeignKey("roles.id"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    last_seen_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    invited_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # May refer to a user who is erased. Ids are never used again, so it refers to no other user.
    invited_by_id: Mapped[int | None]
    suspended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    suspended_reason: Mapped[str] = mapped_column(Text, default="", server_default="")
    # A deleted user can be restored until the nightly clean-up, and keeps their email until then.
    deleted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # The user must choose a new password before they can open other pages.
    must_change_password: Mapped[bool] = mapped_column(default=False, server_default=false())
    # A visitor made the account, and no administrator has vouched for it (services.unconfirmed).
    self_registered: Mapped[bool] = mapped_column(default=False, server_default=false())
    # The same as `status`, stored by the database so that lists can filter and count in an index.
    stored_status: Mapped[str] = mapped_column(
        "status", String(16), Computed(STATUS), deferred=True
    )
    # The newest mail of its kind: links in earlier mails no longer work.
    reset_message_id: Mapped[int | None]
    invite_message_id: Mapped[int | None]

    role: Mapped[Role | None] = relationship(back_populates="users")
    invited_by: Mapped[User | None] = relationship(
        primaryjoin="foreign(User.invited_by_id) == remote(User.id)"
    )
    sessions: WriteOnlyMapped[UserSession] = relationship(
        back_populates="user",
        passive_deletes=True,
        cascade="all, delete-orphan",
    )

    # Set by the loader of a session or a token. SQLAlchemy would map annotated names as columns.
    session = None  # type: UserSession | None
    session_token = token_name = ""
    scopes = None  # type: int | None

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        if self.role is None and self.role_id is None:
            self.role = Role.get_default(to_give=True)

    def __repr__(self) -> str:
        return f"<User {self.id}>"

    @validates("email", "pending_email")
    def _canonical_email(self, _key: str, value: str | None) -> str | None:
        return value if value is None else canonical_email(value)

    @validates("first_name", "last_name")
    def _normalised_name(self, _key: str, value: str | None) -> str | None:
        return value and names.normalise(value)

    def full_name(self) -> str:
        """Return the first and last name, or "" for a user without a name."""
        return names.full_name(self.first_name, self.last_name)

    @property
    def initials(self) -> str:
        return names.initials(self.first_name, self.last_name, self.email)

    # Permissions

    @property
    def permissions(self) -> int:
        """The bits of the role, within the scopes of the request's token."""
        held = self.role.permissions if self.role else 0
        return within(held, self.scopes, every=Permission.ADMINISTER)

    def can(self, permissions: int) -> bool:
        """Tell whether the user has all the bits of `permissions`."""
        return Permission.grants(self.permissions, permissions)

    def can_any(self, permissions: int) -> bool:
        """Tell whether the user has at least one of the bits of `permissions`."""
        return Permission.grants_any(self.permissions, permissions)

    def is_admin(self) -> bool:
        return self.can(Permission.ADMINISTER)

    # State of the account. `== None` works on a user, and on the class as a condition in SQL.

    @hybrid_property
    def is_active(self) -> bool:
        return (self.suspended_at == None) & (self.deleted_at == None)  # noqa: E711

    @hybrid_property
    def is_deleted(self) -> bool:
        return self.deleted_at != None  # noqa: E711

    @property
    def purge_due_at(self) -> datetime | None:
        """The time from which a deleted user is erased, or None if no feature erases users."""
        delay = erasing.delay()
        return self.deleted_at + delay if self.deleted_at and delay is not None else None

    @hybrid_property
    def is_suspended(self) -> bool:
        return self.suspended_at != None  # noqa: E711

    @hybrid_property
    def is_invited(self) -> bool:
        """Whether the user has an open invitation."""
        return (self.invited_at != None) & (self.password_hash == None)  # noqa: E711

    @property
    def status(self) -> str:
        return account_status(
            deleted=self.is_deleted,
            suspended=self.is_suspended,
            invited=self.is_invited,
            confirmed=self.confirmed,
        )

    # Impersonation

    @property
    def impersonator(self) -> User | None:
        """The user who impersonates this user in the session of the request, or None."""
        if self.session is None or self.session.user_id == self.id:
            return None
        return self.session.user

    def may_act_as(self, other: User) -> bool:
        """Tell whether this user may impersonate `other`.

        They need every permission of `other`, who must be another user and able to sign in. Each
        request checks it again, so losing the permission ends the impersonation.
        """
        bits = other.role.permissions if other.role else 0
        return (
            self.id != other.id
            and self.can(Permission.IMPERSONATE)
            and not self.must_change_password
            and (bits == 0 or self.can(bits))
            and other.is_active
            and not other.is_invited
        )

    # Password

    @property
    def password(self) -> str:
        raise AttributeError("A password cannot be read.")

    @password.setter
    def password(self, password: str | None) -> None:
        self.password_hash = None if password is None else passwords.hash_password(password)

    def verify_password(self, password: str) -> bool:
        return passwords.verify(self.password_hash, password)

    # Flask-Login stores this in both of its cookies, so both end with the session.

    def get_id(self) -> str:
        return self.session_token

    # Queries

    @staticmethod
    def active_with(permissions: int) -> ColumnElement[bool]:
        """Return the SQL condition that a user is active and has all the bits of `permissions`."""
        roles = select(Role.id).where(Role.granting(int(permissions)))
        return User.role_id.in_(roles) & (User.stored_status == "active")

    @staticmethod
    def older_methods() -> list[str]:
        """Return the methods of the remaining hashes of Werkzeug (passwords.older_method)."""
        return older_hashes.methods("users")

    @staticmethod
    def by_email(email: str) -> User | None:
        """Return the user with this email, ignoring case, or None."""
        return db.session.scalar(select(User).where(User.email == canonical_email(email)))


def account_status(*, deleted: bool, suspended: bool, invited: bool, confirmed: bool) -> str:
    """Return the status of an account: the first of these that is true."""
    if deleted:
        return "deleted"
    if suspended:
        return "suspended"
    if invited:
        return "invited"
    return "active" if confirmed else "unconfirmed"
