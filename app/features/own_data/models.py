"""The table of downloads that users have asked for."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.extensions import db
from app.kit import storage
from app.kit.database import UtcDateTime, now
from app.models import User

GOOD_FOR = timedelta(days=1)


class DataExport(db.Model):
    """The latest archive of a user's data. It is ready once it has a file."""

    __tablename__ = "data_exports"

    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    file_id: Mapped[int | None] = mapped_column(
        ForeignKey("stored_files.id", ondelete="SET NULL"), index=True
    )
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    ready_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    user: Mapped[User] = relationship()

    @property
    def expires_at(self) -> datetime | None:
        return self.ready_at + GOOD_FOR if self.ready_at else None

    @property
    def is_ready(self) -> bool:
        return bool(self.file_id and self.expires_at and self.expires_at > now())


OWN_DATA = storage.kind("own_data", owner=DataExport.file_id)
