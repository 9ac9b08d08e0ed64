"""The tables of second factors."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String, Text, exists
from sqlalchemy.orm import Mapped, column_property, mapped_column

from app.extensions import db
from app.kit.database import UtcDateTime, now
from app.kit.encryption import Cipher
from app.models import Role

IS_DEMANDED = "demands_second_factor"
SECRETS = Cipher(b"app.features.two_factor: secrets of authenticator apps")


class TwoFactorSecret(db.Model):
    """The secret that a user shares with their authenticator app."""

    __tablename__ = "two_factor_secrets"

    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    encrypted: Mapped[str] = mapped_column(Text)
    """The secret as SECRETS encrypts it."""
    last_step: Mapped[int]
    """The time step of the code that was used last; older codes are refused."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)


class RecoveryCode(db.Model):
    """A recovery code that is not used. The first character of the code is its number."""

    __tablename__ = "two_factor_recovery_codes"

    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    code_hash: Mapped[str] = mapped_column(String(255))


class TrustedDevice(db.Model):
    """A browser that is not asked for a code until it signs out or the trust expires."""

    __tablename__ = "two_factor_devices"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    state_hash: Mapped[str] = mapped_column(String(64))
    """A hash of the user's email and password hash, whose change ends the trust."""
    device: Mapped[str] = mapped_column(String(255))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class TwoFactorRole(db.Model):
    """A role whose users must have a second factor."""

    __tablename__ = "two_factor_roles"

    role_id: Mapped[int] = mapped_column(
        ForeignKey("roles.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )


# Loaded with each role, so that the gate needs no query of its own.
Role.__mapper__.add_property(
    IS_DEMANDED, column_property(exists().where(TwoFactorRole.role_id == Role.id))
)


def is_demanded_of(role: Role | None) -> bool:
    """Tell whether users with `role` must have a second factor."""
    return role is not None and bool(getattr(role, IS_DEMANDED))
