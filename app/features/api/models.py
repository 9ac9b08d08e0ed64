"""The tables of API tokens, and of answers that are kept to give them again."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import JSON, ForeignKey, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.extensions import db
from app.kit.database import UtcDateTime, now
from app.kit.names import NAME_LENGTH
from app.kit.web.origin import LONGEST_ADDRESS
from app.models import User


class TokenKind(StrEnum):
    """How a token came to be: on the page of its owner, or by a sign-in of a program."""

    PERSONAL = "personal"
    SHORT_LIVED = "short_lived"


class TokenAccess(StrEnum):
    """Whether a token only reads, or changes things too."""

    READ = "read"
    WRITE = "write"


class ApiToken(db.Model):
    """A token with which a program acts for its owner. The row holds only a hash of its secret."""

    __tablename__ = "api_tokens"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(NAME_LENGTH))
    kind: Mapped[str] = mapped_column(String(16))
    access: Mapped[str] = mapped_column(String(8))
    scopes: Mapped[int]
    """Bits of permissions. Those that the owner lacks at the time of a request do not count."""
    secret_hash: Mapped[str] = mapped_column(String(64), unique=True)
    has_second_factor: Mapped[bool] = mapped_column(default=False)
    """Whether the sign-in that made the token proved a second factor."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime, index=True)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_used_address: Mapped[str] = mapped_column(String(LONGEST_ADDRESS), default="")
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    user: Mapped[User] = relationship()

    def __repr__(self) -> str:
        return f"<ApiToken {self.id}>"

    @property
    def may_write(self) -> bool:
        return self.access == TokenAccess.WRITE

    @property
    def state(self) -> str:
        """Return active, expired or revoked."""
        if self.revoked_at is not None:
            return "revoked"
        is_over = self.expires_at is not None and self.expires_at <= now()
        return "expired" if is_over else "active"


class IdempotentAnswer(db.Model):
    """The answer to a request with an Idempotency-Key. It has no status until there is one."""

    __tablename__ = "api_idempotent_answers"
    # The index decides which of two requests with the same key is the first.
    __table_args__: ClassVar[tuple[Any, ...]] = (UniqueConstraint("token_id", "key"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    token_id: Mapped[int] = mapped_column(ForeignKey("api_tokens.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(String(255))
    request_hash: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now, index=True)
    status: Mapped[int | None]
    headers: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)
    body: Mapped[bytes] = mapped_column(LargeBinary, default=b"")
