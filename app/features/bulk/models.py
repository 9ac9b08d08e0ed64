"""Bulk operations and the users that they apply to."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import JSON, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import db
from app.kit.database import UtcDateTime, now

# Usually few users are left out, so a partial index on them costs little.
LEFT_OUT: Any = {
    "sqlite_where": text("reason <> ''"),
    "postgresql_where": text("reason <> ''"),
}


class BulkState(StrEnum):
    """The states of an operation. A cancelled or stopped operation can be resumed."""

    PREVIEW = "preview"
    QUEUED = "queued"
    RUNNING = "running"
    FINISHED = "finished"
    CANCELLED = "cancelled"
    STOPPED = "stopped"


class BulkOperation(db.Model):
    """One action on many users: previewed, confirmed, and done in batches.

    `position` is the id of the last user that a batch processed. Each batch moves it in its own
    transaction, so a crash neither repeats nor skips a user.
    """

    __tablename__ = "bulk_operations"
    __table_args__: ClassVar[tuple[Any, ...]] = (
        Index("ix_bulk_operations_state", "state", "created_at"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    action: Mapped[str] = mapped_column(String(32))
    parameters: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    """The arguments of the action: id and name of a role, a reason, whether users get mail."""
    selection: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    """The choice of users: {"picked": 12}, or {"filter": {…}} with query parameters."""
    # No foreign key: the user may be purged. Ids are never reused, so it cannot be another user.
    actor_id: Mapped[int]
    actor_label: Mapped[str] = mapped_column(String(254))
    provenance: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    """The audit columns of the confirmation: actor, impersonated user and origin."""
    state: Mapped[str] = mapped_column(String(16), default=BulkState.PREVIEW)
    stop_reason: Mapped[str] = mapped_column(String(32), default="")
    total: Mapped[int] = mapped_column(default=0)
    """Number of users that were chosen."""
    left_out: Mapped[dict[str, int]] = mapped_column(JSON, default=dict)
    """Number of users left out, by reason."""
    done: Mapped[int] = mapped_column(default=0)
    position: Mapped[int] = mapped_column(default=0)
    job_id: Mapped[str] = mapped_column(String(200), default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    moved_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """Time when the operation was queued or the last batch was done."""
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    def __repr__(self) -> str:
        return f"<BulkOperation {self.id} {self.action} {self.state}>"

    @property
    def left_out_count(self) -> int:
        return sum(self.left_out.values())

    @property
    def to_do(self) -> int:
        """Number of users to process, including those already done."""
        return self.total - self.left_out_count

    @property
    def remaining(self) -> int:
        return max(0, self.to_do - self.done)

    def is_shown_to(self, user_id: int) -> bool:
        """Tell whether the user may see the operation. Previews are visible to their owner only."""
        return self.state != BulkState.PREVIEW or self.actor_id == user_id

    @property
    def is_open(self) -> bool:
        """Whether the operation is confirmed, and neither finished, cancelled nor stopped."""
        return self.state in {BulkState.QUEUED, BulkState.RUNNING}


class BulkItem(db.Model):
    """One user of an operation, and the reason if the user is left out.

    Users with an id up to the operation's `position` are done. The preview writes the rows; a
    batch updates a row only if the user has to be left out since.
    """

    __tablename__ = "bulk_items"
    __table_args__: ClassVar[tuple[Any, ...]] = (
        Index("ix_bulk_items_left_out", "operation_id", "reason", "user_id", **LEFT_OUT),
        {"sqlite_with_rowid": False},
    )

    operation_id: Mapped[int] = mapped_column(
        ForeignKey("bulk_operations.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    # No foreign key: the row stays in the result when the user is purged.
    user_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    reason: Mapped[str] = mapped_column(String(32), default="")
