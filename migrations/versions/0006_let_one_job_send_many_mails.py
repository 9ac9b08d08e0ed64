"""Let one job send many mails

Revision ID: 0006
Revises: 0005
Create Date: 2026-11-21 11:20:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None

NEW = sa.text("state = 'pending' AND attempts = 0")


def upgrade() -> None:
    op.add_column(
        'email_messages',
        sa.Column('request_id', sa.String(length=64), server_default='', nullable=False),
    )
    op.create_index(
        'ix_email_messages_new',
        'email_messages',
        ['attempts', 'id'],
        sqlite_where=NEW,
        postgresql_where=NEW,
    )


def downgrade() -> None:
    op.drop_index('ix_email_messages_new', table_name='email_messages')
    # Not in a batch, which would make the table anew on SQLite, without its AUTOINCREMENT.
    op.drop_column('email_messages', 'request_id')
