"""The mode of the site, and its table."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import db
from app.kit.database import UtcDateTime, now

MESSAGE_LENGTH = 500
THE_ROW = 1  # the id of the only row


class SiteMode(StrEnum):
    """How far the site is open."""

    OFF = "off"
    READ_ONLY = "read-only"
    CLOSED = "closed"


@dataclass(frozen=True)
class SiteState:
    """The mode of the site, a message for visitors, and when the maintenance is expected to end."""

    mode: SiteMode = SiteMode.OFF
    message: str = ""
    until: datetime | None = None

    @property
    def is_over(self) -> bool:
        """Tell whether the site is not open, although the expected end has passed."""
        return self.mode is not SiteMode.OFF and self.until is not None and self.until <= now()

    def noted(self) -> dict[str, str]:
        """Return the values as a form shows them."""
        until = self.until.isoformat(timespec="minutes") if self.until else ""
        return {"mode": self.mode, "message": self.message, "until": until}


class Maintenance(db.Model):
    """The mode of the site. The table has one row, or none before the first maintenance."""

    __tablename__ = "maintenance"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    mode: Mapped[str] = mapped_column(String(16), default=SiteMode.OFF)
    message: Mapped[str] = mapped_column(String(MESSAGE_LENGTH), default="")
    until: Mapped[datetime | None] = mapped_column(UtcDateTime)

    @property
    def state(self) -> SiteState:
        return SiteState(SiteMode(self.mode), self.message, self.until)
