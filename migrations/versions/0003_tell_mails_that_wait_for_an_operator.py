"""Tell mails that wait for an operator

Revision ID: 0003
Revises: 0002
Create Date: 2026-11-21 09:20:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        'email_messages',
        sa.Column('needs_operator', sa.Boolean(), server_default=sa.false(), nullable=False),
    )


def downgrade() -> None:
    # Not in a batch, which would make the table anew on SQLite, without its AUTOINCREMENT.
    op.drop_column('email_messages', 'needs_operator')
