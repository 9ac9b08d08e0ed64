"""Create the tables of actions on many users

Revision ID: bulk_0001
Revises:
Create Date: 2026-11-28 10:00:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = "bulk_0001"
down_revision = None
branch_labels = ("bulk",)
depends_on = "core_0001"


def upgrade() -> None:
    time = sa.DateTime(timezone=True)
    op.create_table(
        "bulk_operations",
        sa.Column("id", sa.Integer(), nullable=False),
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
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bulk_operations")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_bulk_operations_state", "bulk_operations", ["state", "created_at"])
    op.create_table(
        "bulk_items",
        sa.Column("operation_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("user_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("reason", sa.String(32), nullable=False),
        sa.ForeignKeyConstraint(
            ["operation_id"],
            ["bulk_operations.id"],
            name=op.f("fk_bulk_items_operation_id_bulk_operations"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("operation_id", "user_id", name=op.f("pk_bulk_items")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_bulk_items_left_out",
        "bulk_items",
        ["operation_id", "reason", "user_id"],
        sqlite_where=sa.text("reason <> ''"),
        postgresql_where=sa.text("reason <> ''"),
    )


def downgrade() -> None:
    op.drop_table("bulk_items")
    op.drop_table("bulk_operations")
