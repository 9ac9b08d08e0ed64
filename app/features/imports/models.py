"""Imports of people: the file that was uploaded, what was found in it, and what became of it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import JSON, ForeignKey, Index, LargeBinary, String, Text, false
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import db
from app.kit.database import UtcDateTime, now


class ImportState(StrEnum):
    """Where an import is on its way. One that was cancelled or failed can be gone on with."""

    UPLOADED = "uploaded"
    CHECKING = "checking"
    CHECKED = "checked"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"


class ImportMode(StrEnum):
    """What becomes of the people in the file who have no account yet."""

    INVITE = "invite"
    CREATE = "create"
    UPDATE = "update"


class PeopleImport(db.Model):
    """One file of people. `position` counts the lines that a run is done with.

    It is moved in the transaction of those lines, so a run that is killed and started again does
    none twice. The file itself is in the database (ImportChunk), because web and worker need not
    share a disk.
    """

    __tablename__ = "imports"
    __table_args__: ClassVar[dict[str, Any]] = {"sqlite_autoincrement": True}

    id: Mapped[int] = mapped_column(primary_key=True)
    # They may be gone by now; ids never return, so it can be nobody else.
    actor_id: Mapped[int]
    actor_label: Mapped[str] = mapped_column(String(254))
    provenance: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    """The columns of the audit trail that say who started it, as whom and from where."""

    file_name: Mapped[str] = mapped_column(String(255))
    size: Mapped[int] = mapped_column(default=0)
    """Of the file, in bytes."""
    encoding: Mapped[str] = mapped_column(String(16))
    delimiter: Mapped[str] = mapped_column(String(1))
    has_header: Mapped[bool] = mapped_column(default=True)
    columns: Mapped[list[str]] = mapped_column(JSON, default=list)
    """The names of the columns, made up where the file has none."""
    lines: Mapped[int] = mapped_column(default=0)
    """How many there are, those that are blank and the header not among them."""

    mapping: Mapped[dict[str, int]] = mapped_column(JSON, default=dict)
    """Which column, from 0, each field is read from."""
    mode: Mapped[str] = mapped_column(String(16), default=ImportMode.INVITE)
    update_existing: Mapped[bool] = mapped_column(default=False, server_default=false())
    role_id: Mapped[int | None]
    """The role of new people whose line names none."""
    keep_good: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Whether lines with problems are left out; otherwise one of them keeps all from being done."""

    state: Mapped[str] = mapped_column(String(16), default=ImportState.UPLOADED)
    failure: Mapped[str] = mapped_column(Text, default="")
    """Why it failed, in a sentence."""
    checks: Mapped[int] = mapped_column(default=0)
    """How often it was checked: who confirms an earlier check confirms something else."""
    left_out: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    """A bit for each line with a problem at the last check: the run leaves it out."""
    counts: Mapped[dict[str, int]] = mapped_column(JSON, default=dict)
    """How many lines came to which end (app.features.imports.services.deciding)."""
    position: Mapped[int] = mapped_column(default=0)
    job_id: Mapped[str] = mapped_column(String(200), default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    moved_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When it was queued, or some lines were last done."""
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    def __repr__(self) -> str:
        return f"<PeopleImport {self.id} {self.state}>"

    def is_shown_to(self, user_id: int) -> bool:
        """Tell whether the user may look at it: others see an import once it has been confirmed."""
        return self.has_begun or self.actor_id == user_id

    @property
    def is_working(self) -> bool:
        return self.state in {ImportState.CHECKING, ImportState.RUNNING}

    @property
    def has_begun(self) -> bool:
        """Whether a run has been started; what it has done so far stays done."""
        return self.started_at is not None

    @property
    def to_do(self) -> int:
        """How many people it changes, or has changed."""
        return sum(self.counts.get(end, 0) for end in ("invited", "created", "updated"))

    @property
    def problems(self) -> int:
        return self.counts.get("problem", 0)


class ImportChunk(db.Model):
    """A piece of an uploaded file; they are deleted when it has been imported."""

    __tablename__ = "import_chunks"

    import_id: Mapped[int] = mapped_column(
        ForeignKey("imports.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    data: Mapped[bytes] = mapped_column(LargeBinary)


class ImportProblem(db.Model):
    """What is wrong with a line. Beyond some thousands they are only counted."""

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
    """What a batch of lines came to: a list of line, end, address and message each."""

    __tablename__ = "import_results"

    import_id: Mapped[int] = mapped_column(
        ForeignKey("imports.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """Of the import, after the batch."""
    lines: Mapped[list[list[Any]]] = mapped_column(JSON)
