"""Bulk operations on users, and the users that they apply to."""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import db
from app.kit.operations import LEFT_OUT, BulkColumns, ItemColumns


class BulkItem(ItemColumns, db.Model):
    """One user of an operation, and the reason if the user is left out."""

    __tablename__ = "bulk_items"
    __table_args__: ClassVar[tuple[Any, ...]] = (
        Index("ix_bulk_items_left_out", "operation_id", "reason", "user_id", **LEFT_OUT),
        {"sqlite_with_rowid": False},
    )

    operation_id: Mapped[int] = mapped_column(
        ForeignKey("bulk_operations.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    row_id: Mapped[int] = mapped_column("user_id", primary_key=True, autoincrement=False)


class BulkOperation(BulkColumns, db.Model):
    """One action on many users."""

    __tablename__ = "bulk_operations"
    __table_args__: ClassVar[tuple[Any, ...]] = (
        Index("ix_bulk_operations_state", "state", "created_at"),
        {"sqlite_autoincrement": True},
    )
    kind_name = "users"
    task = "run_bulk_operation"
    item = BulkItem
