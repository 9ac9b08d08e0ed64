"""Create the table of suppressed addresses

Revision ID: bounces_0001
Revises:
Create Date: 2026-11-29 10:20:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = "bounces_0001"
down_revision = None
branch_labels = ("bounces",)
depends_on = "core_0001"


def upgrade() -> None:
    op.create_table(
        "suppressed_addresses",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("reason", sa.String(16), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_suppressed_addresses")),
        sa.UniqueConstraint("email", name=op.f("uq_suppressed_addresses_email")),
    )


def downgrade() -> None:
    op.drop_table("suppressed_addresses")
