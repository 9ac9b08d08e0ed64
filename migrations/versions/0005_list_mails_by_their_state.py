"""List mails by their state

Revision ID: 0005
Revises: 0004
Create Date: 2026-11-21 09:45:00.000000
"""

from alembic import op

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index('ix_email_messages_state', 'email_messages', ['state', 'id'])


def downgrade() -> None:
    op.drop_index('ix_email_messages_state', table_name='email_messages')
