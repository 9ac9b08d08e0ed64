"""Count guesses at passwords

Revision ID: 0022
Revises: 0021
Create Date: 2026-11-28 06:30:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "password_guesses",
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("short_count", sa.Integer(), nullable=False),
        sa.Column("short_ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("long_count", sa.Integer(), nullable=False),
        sa.Column("long_ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_password_guesses"),
    )
    op.create_index("ix_password_guesses_long_ends_at", "password_guesses", ["long_ends_at"])


def downgrade() -> None:
    op.drop_table("password_guesses")
