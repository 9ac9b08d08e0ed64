"""The models of bulk operations on rows of declared tables."""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import db
from app.kit.operations.models import LEFT_OUT, BulkColumns, ItemColumns


class TableOperationItem(ItemColumns, db.Model):
    """One row of an operation, and the reason in words if it is left out."""

    __tablename__ = "table_operation_items"
    __table_args__: ClassVar[tuple[Any, ...]] = (
        Index("ix_table_operation_items_left_out", "operation_id", "reason", "row_id", **LEFT_OUT),
        {"sqlite_with_rowid": False},
    )

    operation_id: Mapped[int] = mapped_column(
        ForeignKey("table_operations.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    )
    reason: Mapped[str] = mapped_column(String(200), default="")


class TableOperation(BulkColumns, db.Model):
    """One action on many rows of a declared table."""

    __tablename__ = "table_operations"
    __table_args__: ClassVar[tuple[Any, ...]] = (
        Index("ix_table_operations_state", "state", "created_at"),
        {"sqlite_autoincrement": True},
    )
    task = "run_table_operation"
    item = TableOperationItem

    endpoint: Mapped[str] = mapped_column(String(100))
    """The endpoint of the table."""

    @property
    def kind_name(self) -> str:
        return self.endpoint
