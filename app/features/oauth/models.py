"""The tables of linked accounts."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import db
from app.kit.database import UtcDateTime, now
from app.kit.names import EMAIL_LENGTH

LONGEST_ISSUER = 255
LONGEST_SUBJECT = 255  # OpenID Connect Core 1.0, section 2
LONGEST_PROVIDER = 64


class LinkedAccount(db.Model):
    """An account at a provider with which a user signs in. No token of the provider is stored."""

    __tablename__ = "linked_accounts"
    __table_args__: ClassVar[tuple[Any, ...]] = (UniqueConstraint("issuer", "subject"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    provider: Mapped[str] = mapped_column(String(LONGEST_PROVIDER))
    """The name of the provider in the settings."""
    issuer: Mapped[str] = mapped_column(String(LONGEST_ISSUER))
    subject: Mapped[str] = mapped_column(String(LONGEST_SUBJECT))
    """The issuer's unchanging id of the account. Emails may pass to another owner."""
    email: Mapped[str] = mapped_column(String(EMAIL_LENGTH), default="")
    """The email at the provider, to tell accounts apart. It identifies nobody."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class UsedState(db.Model):
    """The state of an answer that a provider gave, kept until it expires so that it works once."""

    __tablename__ = "oauth_used_states"

    state: Mapped[str] = mapped_column(String(64), primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
