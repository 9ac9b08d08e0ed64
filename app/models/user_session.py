"""Sessions of users. A browser is signed in while its session's row exists and is not expired."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from sqlalchemy import ForeignKey, Index, String, false, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.extensions import db
from app.kit.database import UtcDateTime, now

if TYPE_CHECKING:
    from app.models.user import User

# Few sessions impersonate at a time, so a partial index holds only these.
ACTING: Any = {
    "sqlite_where": text("acting_as_id IS NOT NULL"),
    "postgresql_where": text("acting_as_id IS NOT NULL"),
}


class UserSession(db.Model):
    """A session of one browser. The cookie holds a random token, the row only its hash."""

    __tablename__ = "user_sessions"
    __table_args__: ClassVar[tuple[Any, ...]] = (
        Index("ix_user_sessions_acting_as", "acting_as_id", **ACTING),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    authenticated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    """The time at which the user last entered their password."""
    has_second_factor: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Whether the user proved a second factor too."""
    last_seen_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    remembered: Mapped[bool] = mapped_column(default=False)
    address: Mapped[str] = mapped_column(String(45), default="")
    device: Mapped[str] = mapped_column(String(255), default="")
    # The impersonated user, who may no longer exist, and the end of the impersonation.
    acting_as_id: Mapped[int | None]
    acting_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    user: Mapped[User] = relationship(back_populates="sessions")

    @property
    def is_impersonation(self) -> bool:
        """Whether the user of this session impersonates another user and the time is not over."""
        until = self.acting_until
        return self.acting_as_id is not None and until is not None and until > now()

    @staticmethod
    def new_token() -> str:
        """Return 256 random bits as text (ASVS 5.0 7.2.3)."""
        return secrets.token_urlsafe(32)

    @staticmethod
    def hash_token(token: str) -> str:
        return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
