"""Remember which job claimed a mail

Revision ID: 0004
Revises: 0003
Create Date: 2026-11-21 09:32:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        'email_messages',
        sa.Column('claimed_by', sa.String(length=200), server_default='', nullable=False),
    )


def downgrade() -> None:
    # Not in a batch, which would make the table anew on SQLite, without its AUTOINCREMENT.
    op.drop_column('email_messages', 'claimed_by')
