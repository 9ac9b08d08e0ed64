"""Count and find people in indexes alone

Revision ID: 0015
Revises: 0014
Create Date: 2026-11-21 12:00:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = '0015'
down_revision = '0014'
branch_labels = None
depends_on = None

# With deleted_at, those who are deleted are told apart without a look at their rows.
KINDS = {'ix_users_role': 'role_id', 'ix_users_status': 'status'}


def upgrade() -> None:
    for name, column in KINDS.items():
        op.drop_index(name, table_name='users')
        op.create_index(name, 'users', [column, 'created_at', 'id', 'deleted_at'])
    if op.get_bind().dialect.name == 'sqlite':
        # What is too short for trigrams is found at the beginning of a name.
        op.create_index(
            'ix_users_search_first_name',
            'users',
            ['first_name', 'id'],
            sqlite_where=sa.text('deleted_at IS NULL'),
        )


def downgrade() -> None:
    if op.get_bind().dialect.name == 'sqlite':
        op.drop_index('ix_users_search_first_name', table_name='users')
    for name, column in KINDS.items():
        op.drop_index(name, table_name='users')
        op.create_index(name, 'users', [column, 'created_at', 'id'])
