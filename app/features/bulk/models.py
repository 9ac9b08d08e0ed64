"""Actions that are done to many people at once, and to whom."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import JSON, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import db
from app.kit.database import UtcDateTime, now

# Whom an action leaves out are few, as a rule, so an index of them costs little.
LEFT_OUT: Any = {
    "sqlite_where": text("reason <> ''"),
    "postgresql_where": text("reason <> ''"),
}


class BulkState(StrEnum):
    """Where an operation is on its way. What is cancelled or was stopped can be gone on with."""

    PREVIEW = "preview"
    QUEUED = "queued"
    RUNNING = "running"
    FINISHED = "finished"
    CANCELLED = "cancelled"
    STOPPED = "stopped"


class BulkOperation(db.Model):
    """One action on many people: chosen, looked at, confirmed, and done in batches.

    `position` is the last user that a batch has been done for, and is moved in the batch's own
    transaction: whatever happens in between, nobody has their turn twice and nobody is forgotten.
    """

    __tablename__ = "bulk_operations"
    __table_args__: ClassVar[tuple[Any, ...]] = (
        Index("ix_bulk_operations_state", "state", "created_at"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    action: Mapped[str] = mapped_column(String(32))
    parameters: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    """What the action needs to know: a role's id and name, a reason, whether people are told."""
    selection: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    """How the people were chosen: {"picked": 12}, or {"filter": {…}} as an address has it."""
    # They may be gone by now; ids never return, so it can be nobody else.
    actor_id: Mapped[int]
    actor_label: Mapped[str] = mapped_column(String(254))
    provenance: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    """The columns of the audit trail that say who confirmed it, as whom and from where."""
    state: Mapped[str] = mapped_column(String(16), default=BulkState.PREVIEW)
    stop_reason: Mapped[str] = mapped_column(String(32), default="")
    total: Mapped[int] = mapped_column(default=0)
    """How many were chosen and found."""
    left_out: Mapped[dict[str, int]] = mapped_column(JSON, default=dict)
    """How many are left out, under the reason why."""
    done: Mapped[int] = mapped_column(default=0)
    position: Mapped[int] = mapped_column(default=0)
    job_id: Mapped[str] = mapped_column(String(200), default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    moved_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When it was queued, or a batch was last done."""
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    def __repr__(self) -> str:
        return f"<BulkOperation {self.id} {self.action} {self.state}>"

    @property
    def left_out_count(self) -> int:
        return sum(self.left_out.values())

    @property
    def to_do(self) -> int:
        """How many it is to be done to, those that it has been done to included."""
        return self.total - self.left_out_count

    @property
    def remaining(self) -> int:
        return max(0, self.to_do - self.done)

    def is_shown_to(self, user_id: int) -> bool:
        """Tell whether the user may look at it: others see a change once it has been confirmed."""
        return self.state != BulkState.PREVIEW or self.actor_id == user_id

    @property
    def is_open(self) -> bool:
        """Whether it has been confirmed and has neither ended nor been stopped."""
        return self.state in {BulkState.QUEUED, BulkState.RUNNING}


class BulkItem(db.Model):
    """One person of an operation, and why they are left out, if they are.

    Whose id is up to the operation's `position` has had their turn. Rows are written once, with
    the preview, and touched again only if something has changed for that person since.
    """

    __tablename__ = "bulk_items"
    __table_args__: ClassVar[tuple[Any, ...]] = (
        Index("ix_bulk_items_left_out", "operation_id", "reason", "user_id", **LEFT_OUT),
        {"sqlite_with_rowid": False},
    )

    operation_id: Mapped[int] = mapped_column(
        ForeignKey("bulk_operations.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    # They may be purged later, and the result still says that there was someone.
    user_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    reason: Mapped[str] = mapped_column(String(32), default="")
