"""Create the tables of bulk actions on declared tables

Revision ID: core_0002
Revises: core_0001
Create Date: 2026-11-28 14:30:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = "core_0002"
down_revision = "core_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    time = sa.DateTime(timezone=True)
    op.create_table(
        "table_operations",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("endpoint", sa.String(100), nullable=False),
        sa.Column("action", sa.String(32), nullable=False),
        sa.Column("parameters", sa.JSON(), nullable=False),
        sa.Column("selection", sa.JSON(), nullable=False),
        sa.Column("actor_id", sa.Integer(), nullable=False),
        sa.Column("actor_label", sa.String(254), nullable=False),
        sa.Column("provenance", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("stop_reason", sa.String(32), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("left_out", sa.JSON(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("job_id", sa.String(200), nullable=False),
        sa.Column("created_at", time, nullable=False),
        sa.Column("started_at", time, nullable=True),
        sa.Column("moved_at", time, nullable=True),
        sa.Column("finished_at", time, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_table_operations")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_table_operations_state", "table_operations", ["state", "created_at"])
    op.create_table(
        "table_operation_items",
        sa.Column("operation_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("row_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("reason", sa.String(200), nullable=False),
        sa.ForeignKeyConstraint(
            ["operation_id"],
            ["table_operations.id"],
            name=op.f("fk_table_operation_items_operation_id_table_operations"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("operation_id", "row_id", name=op.f("pk_table_operation_items")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_table_operation_items_left_out",
        "table_operation_items",
        ["operation_id", "reason", "row_id"],
        sqlite_where=sa.text("reason <> ''"),
        postgresql_where=sa.text("reason <> ''"),
    )


def downgrade() -> None:
    op.drop_table("table_operation_items")
    op.drop_table("table_operations")
