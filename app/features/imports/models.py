"""Imports of users: the uploaded file, the problems found in it, and the results."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import db
from app.kit.imports.models import ChunkColumns, ImportColumns, ProblemColumns, ResultColumns


class ImportMode(StrEnum):
    """The treatment of lines with an email that has no account yet."""

    INVITE = "invite"
    CREATE = "create"
    UPDATE = "update"


class ImportChunk(ChunkColumns, db.Model):
    """A chunk of an uploaded file of users."""

    __tablename__ = "import_chunks"

    import_id: Mapped[int] = mapped_column(
        ForeignKey("imports.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )


class ImportProblem(ProblemColumns, db.Model):
    """A problem of a line of a file of users."""

    __tablename__ = "import_problems"
    __table_args__: ClassVar[tuple[Any, ...]] = (
        Index("ix_import_problems_line", "import_id", "line", "id"),
    )

    import_id: Mapped[int] = mapped_column(ForeignKey("imports.id", ondelete="CASCADE"))


class ImportResult(ResultColumns, db.Model):
    """The results of a batch of users."""

    __tablename__ = "import_results"

    import_id: Mapped[int] = mapped_column(
        ForeignKey("imports.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )


class PeopleImport(ImportColumns, db.Model):
    """One uploaded file of users."""

    __tablename__ = "imports"
    __table_args__: ClassVar[dict[str, Any]] = {"sqlite_autoincrement": True}
    task = "import_people"
    chunk, problem, result = ImportChunk, ImportProblem, ImportResult
    kind_name = "people"

    mode: Mapped[str] = mapped_column(default=ImportMode.INVITE)
    role_id: Mapped[int | None]
    """The role of new users whose line names no role."""
