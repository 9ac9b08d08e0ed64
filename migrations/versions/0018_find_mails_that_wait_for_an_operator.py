"""Find mails that wait for an operator

Revision ID: 0018
Revises: 0017
Create Date: 2026-11-21 16:25:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Each dashboard asks whether there are any, mostly none among very many that wait.
    op.create_index(
        "ix_email_messages_operator",
        "email_messages",
        ["next_try_at"],
        sqlite_where=sa.text("needs_operator = 1"),
        postgresql_where=sa.text("needs_operator"),
    )


def downgrade() -> None:
    op.drop_index("ix_email_messages_operator", table_name="email_messages")
