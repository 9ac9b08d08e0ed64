"""Counters of guesses at passwords, kept where web processes share them and Redis has no say."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import db
from app.kit.database import UtcDateTime


class PasswordGuesses(db.Model):
    """Guesses under one key, in a short window and in a long one (app.services.guesses)."""

    __tablename__ = "password_guesses"

    # A keyed hash: the table names nobody.
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    short_count: Mapped[int] = mapped_column(default=0)
    short_ends_at: Mapped[datetime] = mapped_column(UtcDateTime)
    long_count: Mapped[int] = mapped_column(default=0)
    long_ends_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
