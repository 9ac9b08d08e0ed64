"""The table of sign-ins by mail."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import db
from app.kit.database import UtcDateTime, now


class MailedSignIn(db.Model):
    """A request to sign in by mail, from one browser. It is stored for unknown emails too."""

    __tablename__ = "mailed_sign_ins"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int | None] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), index=True
    )
    browser: Mapped[str] = mapped_column(String(64))
    """A digest of the secret that the browser's session cookie holds."""
    guesses: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now, index=True)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
