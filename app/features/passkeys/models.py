"""The tables of passkeys."""

from __future__ import annotations

import secrets
from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import db
from app.kit.database import UtcDateTime, now
from app.kit.names import NAME_LENGTH

LONGEST_ID = 1023  # bytes of a credential id, by WebAuthn Level 3


class Passkey(db.Model):
    """The public half of a passkey, and what its authenticator said about it."""

    __tablename__ = "passkeys"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    credential_id: Mapped[bytes] = mapped_column(LargeBinary(LONGEST_ID), unique=True)
    public_key: Mapped[bytes] = mapped_column(LargeBinary)
    """The key in the format of COSE."""
    sign_count: Mapped[int] = mapped_column(BigInteger)
    """The number of signatures, or 0 for an authenticator that does not count."""
    transports: Mapped[str] = mapped_column(String(100), default="")
    """How the browser reaches the authenticator, separated by commas."""
    aaguid: Mapped[str] = mapped_column(String(36))
    """The model of the authenticator, or zeros."""
    is_backup_eligible: Mapped[bool]
    """Whether it may be copied to other devices of the user, such as by a password manager."""
    is_backed_up: Mapped[bool]
    name: Mapped[str] = mapped_column(String(NAME_LENGTH))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class PasskeyOwner(db.Model):
    """A user's name towards authenticators, and their choice. The row outlasts their passkeys."""

    __tablename__ = "passkey_owners"

    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    handle: Mapped[bytes] = mapped_column(
        LargeBinary(64), unique=True, default=lambda: secrets.token_bytes(32)
    )
    """A random name that authenticators store, so that they learn nothing about the user."""
    is_asked_after_password: Mapped[bool] = mapped_column(default=False)


class UsedChallenge(db.Model):
    """A challenge that was answered, kept until it expires so that it is answered once."""

    __tablename__ = "passkey_challenges"

    nonce: Mapped[str] = mapped_column(String(32), primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
