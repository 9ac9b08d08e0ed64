"""Define the addresses that get no mail."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import db
from app.kit.database import UtcDateTime, now
from app.kit.names import EMAIL_LENGTH


class Reason(StrEnum):
    """Why an address gets no mail."""

    BOUNCED = "bounced"
    COMPLAINED = "complained"
    STOPPED = "stopped"
    """An administrator entered the address."""


WORDS = {
    Reason.BOUNCED: "earlier mail to this address came back",
    Reason.COMPLAINED: "earlier mail to this address was reported as spam",
    Reason.STOPPED: "an administrator stopped mail to this address",
}


class SuppressedAddress(db.Model):
    """An email address to which no mail is sent."""

    __tablename__ = "suppressed_addresses"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(EMAIL_LENGTH), unique=True)
    reason: Mapped[str] = mapped_column(String(16))
    # The words of the mail service, or a note of the administrator.
    detail: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)

    @property
    def words(self) -> str:
        """The reason in words."""
        return WORDS[Reason(self.reason)]

    def __repr__(self) -> str:
        return f"<SuppressedAddress {self.id} {self.reason}>"
