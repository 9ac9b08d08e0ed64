"""The columns of long operations. A feature adds them to a model of its own."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import JSON, String, text
from sqlalchemy.orm import Mapped, mapped_column

from app.kit.database import HIGHEST_INTEGER, UtcDateTime, now

# After this time without a batch, an operation counts as stalled.
STALLED_AFTER = timedelta(seconds=30)

# Parameters that a confirmation with a token adds: what the token may do, and its name.
OF_TOKENS = frozenset({"scopes", "token"})

# Usually few rows are left out, so a partial index on them costs little.
LEFT_OUT: Any = {
    "sqlite_where": text("reason <> ''"),
    "postgresql_where": text("reason <> ''"),
}


class OperationState(StrEnum):
    """The states of a bulk operation. A cancelled or stopped operation can be resumed."""

    PREVIEW = "preview"
    QUEUED = "queued"
    RUNNING = "running"
    FINISHED = "finished"
    CANCELLED = "cancelled"
    STOPPED = "stopped"


class LongOperation:
    """Work that is done in batches, and that can be stopped, resumed and killed at any time.

    `position` tells how far it is. Each batch moves it in its own transaction, so a crash neither
    repeats nor skips anything. The kit knows no user: the owner is an id and a label.
    """

    OPEN: ClassVar[AbstractSet[str]] = {OperationState.QUEUED, OperationState.RUNNING}
    """The states in which a worker may do a batch."""
    task: ClassVar[str]
    """The name of the task that runs the operation."""

    id: Mapped[int] = mapped_column(primary_key=True)
    # No foreign key: the user may be purged. Ids are never reused, so it cannot be another user.
    actor_id: Mapped[int]
    actor_label: Mapped[str] = mapped_column(String(254))
    provenance: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    """The audit columns of the start: actor, impersonated user and origin."""
    state: Mapped[str] = mapped_column(String(16), default=OperationState.PREVIEW)
    position: Mapped[int] = mapped_column(default=0)
    job_id: Mapped[str] = mapped_column(String(200), default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    moved_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """Time when the operation was queued or the last batch was done."""
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    @property
    def job(self) -> dict[str, Any]:
        """The arguments of the job, and the unique key that prevents a second one."""
        raise NotImplementedError

    @property
    def steps(self) -> int:
        """The number of rows or lines, which decides whether a request can process them."""
        raise NotImplementedError

    @property
    def actor_ids(self) -> frozenset[int]:
        """The ids of the owner and, if the owner was impersonated, of the impersonator."""
        noted = (self.provenance.get("actor_id"), self.provenance.get("acting_as_id"))
        return frozenset(one for one in (self.actor_id, *noted) if one is not None)

    @property
    def is_open(self) -> bool:
        return self.state in self.OPEN

    @property
    def has_begun(self) -> bool:
        """Whether a run has started. Batches that it has done stay done."""
        return self.started_at is not None

    @property
    def is_stalled(self) -> bool:
        """Whether an open operation has had no batch for STALLED_AFTER."""
        return self.is_open and (self.moved_at or self.created_at) < now() - STALLED_AFTER

    def is_shown_to(self, user_id: int) -> bool:
        """Tell whether the user may see the operation. Others see it only after its start."""
        return self.has_begun or self.actor_id == user_id


class BulkColumns(LongOperation):
    """One action on many rows: previewed, confirmed, and done in batches.

    `position` is the id of the last row that a batch processed.
    """

    item: ClassVar[type[ItemColumns]]
    """The model of the rows that were chosen."""

    action: Mapped[str] = mapped_column(String(32))
    parameters: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    """The arguments of the action, which its kind defines."""
    selection: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    """The choice of rows: {"picked": 12}, or {"filter": {…}} with query parameters."""
    stop_reason: Mapped[str] = mapped_column(String(32), default="")
    total: Mapped[int] = mapped_column(default=0)
    """Number of rows that were chosen."""
    left_out: Mapped[dict[str, int]] = mapped_column(JSON, default=dict)
    """Number of rows left out, by reason."""
    done: Mapped[int] = mapped_column(default=0)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id} {self.action} {self.state}>"

    @property
    def kind_name(self) -> str:
        """The name of the kind, which knows the actions (app.kit.operations.kinds)."""
        raise NotImplementedError

    @property
    def job(self) -> dict[str, Any]:
        return {"unique_key": str(self.id), "operation_id": self.id}

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of the action, without what is noted about a token."""
        return {name: value for name, value in self.parameters.items() if name not in OF_TOKENS}

    @property
    def left_out_count(self) -> int:
        return sum(self.left_out.values())

    @property
    def done_to(self) -> int:
        """The id up to which rows are done, if they are not left out."""
        return HIGHEST_INTEGER if self.state == OperationState.FINISHED else self.position

    @property
    def to_do(self) -> int:
        """Number of rows to process, including those already done."""
        return self.total - self.left_out_count

    @property
    def steps(self) -> int:
        return self.to_do

    @property
    def remaining(self) -> int:
        return max(0, self.to_do - self.done)

    @property
    def is_stalled(self) -> bool:
        return super().is_stalled or (self.is_open and not self.job_id)


class ItemColumns:
    """One row of a bulk operation, and the reason if it is left out.

    Rows with an id up to the operation's `done_to` are done. The preview writes the items; a batch
    updates an item only if its row has to be left out since.
    """

    operation_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    # No foreign key: the item stays in the result when the row is deleted.
    row_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    reason: Mapped[str] = mapped_column(String(32), default="")
