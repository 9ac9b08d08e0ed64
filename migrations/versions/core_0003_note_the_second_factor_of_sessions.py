"""Note in sessions whether the user proved a second factor

Revision ID: core_0003
Revises: core_0002
Create Date: 2026-11-28 17:45:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = "core_0003"
down_revision = "core_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "user_sessions",
        sa.Column("has_second_factor", sa.Boolean(), server_default=sa.false(), nullable=False),
    )


def downgrade() -> None:
    with op.batch_alter_table("user_sessions") as table:
        table.drop_column("has_second_factor")
