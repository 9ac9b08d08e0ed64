"""The table of saved views."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.extensions import db
from app.kit.database import UtcDateTime, now
from app.kit.names import NAME_LENGTH
from app.models import User


def only(column: str) -> Any:
    """Return the options of an index of the rows in which a column is true."""
    return {"sqlite_where": text(column), "postgresql_where": text(column)}


class SavedView(db.Model):
    """The parameters of a list, which its owner opens again by a name."""

    __tablename__ = "saved_views"
    __table_args__: ClassVar[tuple[Any, ...]] = (
        UniqueConstraint("owner_id", "endpoint", "name"),
        Index("uq_saved_views_start", "owner_id", "endpoint", unique=True, **only("is_start")),
        Index("ix_saved_views_shared", "endpoint", "name", **only("is_shared")),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    owner_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    endpoint: Mapped[str] = mapped_column(String(100))
    """The endpoint of the declared table."""
    name: Mapped[str] = mapped_column(String(NAME_LENGTH))
    query: Mapped[str] = mapped_column(Text)
    """The query string of the list."""
    is_shared: Mapped[bool] = mapped_column(default=False)
    is_start: Mapped[bool] = mapped_column(default=False)
    """Whether the owner's list opens with this view."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    owner: Mapped[User] = relationship()
