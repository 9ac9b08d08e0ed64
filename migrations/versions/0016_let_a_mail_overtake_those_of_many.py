"""Let a mail that someone waits for overtake those of many

Revision ID: 0016
Revises: 0015
Create Date: 2026-11-21 14:55:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

NEW = sa.text("state = 'pending' AND attempts = 0")


def upgrade() -> None:
    # With a constant for a default neither engine writes a row that is there.
    op.add_column(
        "email_messages",
        sa.Column("is_bulk", sa.Boolean(), server_default=sa.false(), nullable=False),
    )
    _index(["attempts", "is_bulk", "id"])


def downgrade() -> None:
    _index(["attempts", "id"])
    # Not in a batch, which would make the table anew on SQLite, without its AUTOINCREMENT.
    op.drop_column("email_messages", "is_bulk")


def _index(columns: list[str]) -> None:
    """Make the index of new mails anew. It holds few rows, and making it is one look at all."""
    op.drop_index("ix_email_messages_new", table_name="email_messages")
    op.create_index(
        "ix_email_messages_new",
        "email_messages",
        columns,
        sqlite_where=NEW,
        postgresql_where=NEW,
    )
