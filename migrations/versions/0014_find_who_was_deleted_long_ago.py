"""Find who was deleted long ago

Revision ID: 0014
Revises: 0013
Create Date: 2026-11-21 11:45:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = '0014'
down_revision = '0013'
branch_labels = None
depends_on = None


def upgrade() -> None:
    where = sa.text('deleted_at IS NOT NULL')
    op.create_index(
        'ix_users_deleted',
        'users',
        ['deleted_at', 'id'],
        sqlite_where=where,
        postgresql_where=where,
    )


def downgrade() -> None:
    op.drop_index('ix_users_deleted', table_name='users')
