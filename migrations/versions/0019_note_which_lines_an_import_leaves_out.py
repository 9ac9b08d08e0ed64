"""Note which lines an import leaves out

Revision ID: 0019
Revises: 0018
Create Date: 2026-11-28 06:20:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # A column without a default is added without rewriting the table.
    op.add_column("imports", sa.Column("left_out", sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    # Not in a batch, which would make the table anew on SQLite, without its AUTOINCREMENT.
    op.drop_column("imports", "left_out")
