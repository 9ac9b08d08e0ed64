"""The table of registrations that wait for approval, or were refused."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.extensions import db
from app.kit.database import UtcDateTime, now
from app.models import User


class RegistrationRequest(db.Model):
    """A registration that is not approved. Approving it deletes the row."""

    __tablename__ = "registration_requests"

    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    refused_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    user: Mapped[User] = relationship()
