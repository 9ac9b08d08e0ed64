"""Add the facts that users show of themselves

Revision ID: profile_0002
Revises: profile_0001
Create Date: 2026-11-28 18:30:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = "profile_0002"
down_revision = "profile_0001"
branch_labels = None
depends_on = None

TEXTS = {
    "display_name": sa.String(64),
    "about": sa.Text(),
    "location": sa.String(64),
    "website": sa.String(2000),
    "time_zone": sa.String(64),
    "date_format": sa.String(16),
}


def upgrade() -> None:
    for name, kind in TEXTS.items():
        op.add_column("profiles", sa.Column(name, kind, nullable=False, server_default=""))
    is_public = sa.Column("is_public", sa.Boolean(), nullable=False, server_default=sa.false())
    op.add_column("profiles", is_public)


def downgrade() -> None:
    with op.batch_alter_table("profiles") as table:
        for name in (*TEXTS, "is_public"):
            table.drop_column(name)
