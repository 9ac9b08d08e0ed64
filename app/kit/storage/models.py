"""The rows of stored files."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import JSON, BigInteger, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import db
from app.kit.database import UtcDateTime, now


class StoredFile(db.Model):
    """A file, or several renditions of one, under a generated key.

    The row is committed before the file is written, so a file without a row cannot exist, and a
    crash leaves a row to which nothing refers.
    """

    __tablename__ = "stored_files"
    __table_args__: ClassVar[tuple[Any, ...]] = (
        Index("ix_stored_files_kind", "kind", "id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(32))
    """The kind that a feature registered, or "" if the feature was removed."""
    key: Mapped[str] = mapped_column(String(80), unique=True)
    parts: Mapped[list[str]] = mapped_column(JSON)
    """The names of the renditions: [""] for a file without any, [] for one that was deleted."""
    content_type: Mapped[str] = mapped_column(String(100))
    size: Mapped[int] = mapped_column(BigInteger)
    """Size of all renditions in bytes."""
    file_name: Mapped[str] = mapped_column(String(255), default="")
    """The name under which it was uploaded. It is never part of a path."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)

    def __repr__(self) -> str:
        return f"<StoredFile {self.id} {self.kind}>"

    @property
    def name(self) -> str:
        """The generated part of the key, which nobody can guess."""
        return self.key.rpartition("/")[2]

    @property
    def shown_name(self) -> str:
        """The name for pages and downloads. It is empty for an upload without a name."""
        return self.file_name or self.name

    def key_of(self, part: str = "") -> str:
        """Return the key of a rendition."""
        return f"{self.key}.{part}" if part else self.key
