"""Create the table of editable pages

Revision ID: content_0001
Revises:
Create Date: 2026-11-28 10:00:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = "content_0001"
down_revision = None
branch_labels = ("content",)
depends_on = "core_0001"


def upgrade() -> None:
    op.create_table(
        "editable_html",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("editor_name", sa.String(64), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_editable_html")),
        sa.UniqueConstraint("editor_name", name=op.f("uq_editable_html_editor_name")),
    )


def downgrade() -> None:
    op.drop_table("editable_html")
