"""The columns of imports, of their files, their problems and their results.

A feature adds them to models of its own. `table_models` has those of declared tables.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import JSON, LargeBinary, String, Text, false
from sqlalchemy.orm import Mapped, mapped_column

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


class ImportColumns(LongOperation):
    """One uploaded file of rows. `position` counts the lines that a run has finished.

    The file is stored in the database (`chunk`), because web server and worker need not share
    a disk.
    """

    OPEN = frozenset({ImportState.CHECKING, ImportState.RUNNING})
    chunk: ClassVar[type[ChunkColumns]]
    problem: ClassVar[type[ProblemColumns]]
    result: ClassVar[type[ResultColumns]]

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
    mode: Mapped[str] = mapped_column(String(16))
    """The treatment of lines whose key no row has: one of the modes of the kind."""
    update_existing: Mapped[bool] = mapped_column(default=False, server_default=false())
    keep_good: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Whether to skip lines with problems. Otherwise a single problem stops the whole import."""

    state: Mapped[str] = mapped_column(String(16), default=ImportState.UPLOADED)
    failure: Mapped[str] = mapped_column(Text, default="")
    """The reason of a failure, in a sentence."""
    checks: Mapped[int] = mapped_column(default=0)
    """Number of checks so far. A confirmation must name the latest check."""
    left_out: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    """A note of the last check about each line, which the kind writes. The run does no more."""
    counts: Mapped[dict[str, int]] = mapped_column(JSON, default=dict)
    """Number of lines by outcome (`End` in app.kit.imports.kinds)."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id} {self.state}>"

    @property
    def kind_name(self) -> str:
        """The name of the kind, which knows the rows (app.kit.imports.kinds)."""
        raise NotImplementedError

    @property
    def job(self) -> dict[str, Any]:
        return {"unique_key": f"import-{self.id}", "import_id": self.id}

    @property
    def steps(self) -> int:
        return self.lines

    @property
    def to_do(self) -> int:
        """Number of rows that the import changes or has changed."""
        return sum(self.counts.get(end, 0) for end in ("invited", "created", "updated"))

    @property
    def problems(self) -> int:
        return self.counts.get("problem", 0)


class ChunkColumns:
    """A chunk of an uploaded file. The chunks are deleted when the import has finished."""

    import_id: Mapped[int]
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    data: Mapped[bytes] = mapped_column(LargeBinary)


class ProblemColumns:
    """A problem of a line. Beyond some thousands, problems are only counted."""

    id: Mapped[int] = mapped_column(primary_key=True)
    import_id: Mapped[int]
    line: Mapped[int]
    field: Mapped[str] = mapped_column(String(16), default="")
    value: Mapped[str] = mapped_column(String(100), default="")
    message: Mapped[str] = mapped_column(String(255))


class ResultColumns:
    """The results of a batch: a list of line number, outcome, key and message for each line."""

    import_id: Mapped[int]
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """The position of the import after the batch."""
    lines: Mapped[list[list[Any]]] = mapped_column(JSON)
