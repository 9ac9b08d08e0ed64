"""Let one role be the default, and no more

Revision ID: 0011
Revises: 0010
Create Date: 2026-11-21 11:40:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = '0011'
down_revision = '0010'
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Of several the one counts that counted so far.
    op.execute(
        'UPDATE roles SET "default" = (1 = 0) WHERE "default" '
        'AND id > (SELECT min(id) FROM roles WHERE "default")'
    )
    op.drop_index('ix_roles_default', table_name='roles')
    where = sa.text('"default"')
    op.create_index(
        'uq_roles_default',
        'roles',
        ['default'],
        unique=True,
        sqlite_where=where,
        postgresql_where=where,
    )


def downgrade() -> None:
    op.drop_index('uq_roles_default', table_name='roles')
    op.create_index('ix_roles_default', 'roles', ['default'])
