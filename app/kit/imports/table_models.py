"""The imports into declared tables."""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import db
from app.kit.imports.models import ChunkColumns, ImportColumns, ProblemColumns, ResultColumns

IMPORT = "table_imports.id"


class TableImportChunk(ChunkColumns, db.Model):
    """A chunk of an uploaded file."""

    __tablename__ = "table_import_chunks"

    import_id: Mapped[int] = mapped_column(
        ForeignKey(IMPORT, ondelete="CASCADE"), primary_key=True, autoincrement=False
    )


class TableImportProblem(ProblemColumns, db.Model):
    """A problem of a line."""

    __tablename__ = "table_import_problems"
    __table_args__: ClassVar[tuple[Any, ...]] = (
        Index("ix_table_import_problems_line", "import_id", "line", "id"),
    )

    import_id: Mapped[int] = mapped_column(ForeignKey(IMPORT, ondelete="CASCADE"))
    field: Mapped[str] = mapped_column(String(64), default="")


class TableImportResult(ResultColumns, db.Model):
    """The results of a batch."""

    __tablename__ = "table_import_results"

    import_id: Mapped[int] = mapped_column(
        ForeignKey(IMPORT, ondelete="CASCADE"), primary_key=True, autoincrement=False
    )


class TableImport(ImportColumns, db.Model):
    """One file for a declared table."""

    __tablename__ = "table_imports"
    __table_args__: ClassVar[tuple[Any, ...]] = (
        Index("ix_table_imports_endpoint", "endpoint", "id"),
        {"sqlite_autoincrement": True},
    )
    task = "run_table_import"
    chunk, problem, result = TableImportChunk, TableImportProblem, TableImportResult

    endpoint: Mapped[str] = mapped_column(String(100))
    """The endpoint of the table."""

    @property
    def kind_name(self) -> str:
        return self.endpoint
