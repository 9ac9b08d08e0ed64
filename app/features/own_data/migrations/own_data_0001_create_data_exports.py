"""Create the table of downloads of own data

Revision ID: own_data_0001
Revises:
Create Date: 2026-11-28 18:50:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = "own_data_0001"
down_revision = None
branch_labels = ("own_data",)
depends_on = "core_0004"


def upgrade() -> None:
    time = sa.DateTime(timezone=True)
    op.create_table(
        "data_exports",
        sa.Column("user_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("file_id", sa.Integer(), nullable=True),
        sa.Column("asked_at", time, nullable=False),
        sa.Column("ready_at", time, nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], op.f("fk_data_exports_user_id_users"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["file_id"],
            ["stored_files.id"],
            op.f("fk_data_exports_file_id_stored_files"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_data_exports")),
    )
    op.create_index(op.f("ix_data_exports_file_id"), "data_exports", ["file_id"])


def downgrade() -> None:
    # The nightly clean-up deletes files of the kind "".
    op.execute("UPDATE stored_files SET kind = '' WHERE kind = 'own_data'")
    op.drop_table("data_exports")
