"""Find who is signed in as someone

Revision ID: 0013
Revises: 0012
Create Date: 2026-11-21 12:00:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = '0013'
down_revision = '0012'
branch_labels = None
depends_on = None

ACTING = sa.text('acting_as_id IS NOT NULL')


def upgrade():
    op.create_index(
        'ix_user_sessions_acting_as',
        'user_sessions',
        ['acting_as_id'],
        sqlite_where=ACTING,
        postgresql_where=ACTING,
    )


def downgrade():
    op.drop_index('ix_user_sessions_acting_as', table_name='user_sessions')
