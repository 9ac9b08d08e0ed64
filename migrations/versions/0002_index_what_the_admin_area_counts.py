"""Index what the admin area counts

Revision ID: 0002
Revises: 0001
Create Date: 2026-11-21 08:56:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None

# As the queries write them: an index with a condition is used where the words are the same.
CONDITIONS = {
    'suspended': 'suspended_at IS NOT NULL',
    'invited': 'suspended_at IS NULL AND invited_at IS NOT NULL AND password_hash IS NULL',
    'unconfirmed': 'suspended_at IS NULL AND invited_at IS NULL AND ',
}
NOT_CONFIRMED = {'unconfirmed': ('confirmed = 0', 'NOT confirmed')}


def upgrade() -> None:
    op.drop_index('ix_users_role_id', table_name='users')
    op.create_index('ix_users_role', 'users', ['role_id', 'created_at', 'id'], unique=False)
    for kind, condition in CONDITIONS.items():
        on_sqlite, on_postgresql = NOT_CONFIRMED.get(kind, ('', ''))
        op.create_index(
            f'ix_users_{kind}',
            'users',
            ['suspended_at', 'invited_at', 'confirmed'],
            unique=False,
            sqlite_where=sa.text(condition + on_sqlite),
            postgresql_where=sa.text(condition + on_postgresql),
        )
    op.create_index('ix_email_messages_sent', 'email_messages', ['sent_at'], unique=False)


def downgrade() -> None:
    op.drop_index('ix_email_messages_sent', table_name='email_messages')
    for kind in CONDITIONS:
        op.drop_index(f'ix_users_{kind}', table_name='users')
    op.drop_index('ix_users_role', table_name='users')
    op.create_index('ix_users_role_id', 'users', ['role_id'], unique=False)
