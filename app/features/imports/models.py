"""Imports of users: the uploaded file, the problems found in it, and the results."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import JSON, ForeignKey, Index, LargeBinary, String, Text, false
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import db
from app.kit.operations import LongOperation


class ImportState(StrEnum):
    """The states of an import. A cancelled or failed import can be resumed."""

    UPLOADED = "uploaded"
    CHECKING = "checking"
    CHECKED = "checked"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"


class ImportMode(StrEnum):
    """The treatment of lines with an email that has no account yet."""

    INVITE = "invite"
    CREATE = "create"
    UPDATE = "update"


class PeopleImport(LongOperation, db.Model):
    """One uploaded file of users. `position` counts the lines that a run has finished.

    The file is stored in the database (ImportChunk), because web server and worker need not share
    a disk.
    """

    __tablename__ = "imports"
    __table_args__: ClassVar[dict[str, Any]] = {"sqlite_autoincrement": True}
    OPEN = frozenset({ImportState.CHECKING, ImportState.RUNNING})
    task = "import_people"

    file_name: Mapped[str] = mapped_column(String(255))
    size: Mapped[int] = mapped_column(default=0)
    """Size of the file in bytes."""
    encoding: Mapped[str] = mapped_column(String(16))
    delimiter: Mapped[str] = mapped_column(String(1))
    has_header: Mapped[bool] = mapped_column(default=True)
    columns: Mapped[list[str]] = mapped_column(JSON, default=list)
    """The names of the columns, generated if the file has none."""
    lines: Mapped[int] = mapped_column(default=0)
    """Number of lines, without blank lines and the header."""

    mapping: Mapped[dict[str, int]] = mapped_column(JSON, default=dict)
    """The column of each field, counted from 0."""
    mode: Mapped[str] = mapped_column(String(16), default=ImportMode.INVITE)
    update_existing: Mapped[bool] = mapped_column(default=False, server_default=false())
    role_id: Mapped[int | None]
    """The role of new users whose line names no role."""
    keep_good: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Whether to skip lines with problems. Otherwise a single problem stops the whole import."""

    state: Mapped[str] = mapped_column(String(16), default=ImportState.UPLOADED)
    failure: Mapped[str] = mapped_column(Text, default="")
    """The reason of a failure, in a sentence."""
    checks: Mapped[int] = mapped_column(default=0)
    """Number of checks so far. A confirmation must name the latest check."""
    left_out: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    """A bitmap of the lines with a problem at the last check. The run skips them."""
    counts: Mapped[dict[str, int]] = mapped_column(JSON, default=dict)
    """Number of lines by outcome (`End` in app.features.imports.services.deciding)."""

    def __repr__(self) -> str:
        return f"<PeopleImport {self.id} {self.state}>"

    @property
    def job(self) -> dict[str, Any]:
        return {"unique_key": f"import-{self.id}", "import_id": self.id}

    @property
    def steps(self) -> int:
        return self.lines

    @property
    def to_do(self) -> int:
        """Number of users that the import changes or has changed."""
        return sum(self.counts.get(end, 0) for end in ("invited", "created", "updated"))

    @property
    def problems(self) -> int:
        return self.counts.get("problem", 0)


class ImportChunk(db.Model):
    """A chunk of an uploaded file. The chunks are deleted when the import has finished."""

    __tablename__ = "import_chunks"

    import_id: Mapped[int] = mapped_column(
        ForeignKey("imports.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    data: Mapped[bytes] = mapped_column(LargeBinary)


class ImportProblem(db.Model):
    """A problem of a line. Beyond some thousands, problems are only counted."""

    __tablename__ = "import_problems"
    __table_args__: ClassVar[tuple[Any, ...]] = (
        Index("ix_import_problems_line", "import_id", "line", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    import_id: Mapped[int] = mapped_column(ForeignKey("imports.id", ondelete="CASCADE"))
    line: Mapped[int]
    field: Mapped[str] = mapped_column(String(16), default="")
    value: Mapped[str] = mapped_column(String(100), default="")
    message: Mapped[str] = mapped_column(String(255))


class ImportResult(db.Model):
    """The results of a batch: a list of line number, outcome, email and message for each line."""

    __tablename__ = "import_results"

    import_id: Mapped[int] = mapped_column(
        ForeignKey("imports.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """The position of the import after the batch."""
    lines: Mapped[list[list[Any]]] = mapped_column(JSON)
