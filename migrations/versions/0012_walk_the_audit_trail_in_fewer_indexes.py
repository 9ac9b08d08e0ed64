"""Keep what an audit event lacks out of its indexes, and find labels by how they begin

Revision ID: 0012
Revises: 0011
Create Date: 2026-11-21 11:50:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = '0012'
down_revision = '0011'
branch_labels = None
depends_on = None

INDEXES = {
    'actor': (['actor_id', 'id'], 'actor_id IS NOT NULL'),
    'acting_as': (['acting_as_id', 'id'], 'acting_as_id IS NOT NULL'),
    'subject': (['subject_type', 'subject_id', 'id'], 'subject_id IS NOT NULL'),
    'actor_label': (['actor_label', 'id'], "actor_label <> ''"),
    'subject_label': (['subject_label', 'id'], "subject_label <> ''"),
    'address': (['address', 'id'], "address <> ''"),
    'request': (['request_id', 'id'], "request_id <> ''"),
}
LABELS = ('actor_label', 'subject_label')


def upgrade() -> None:
    for name in INDEXES:
        op.drop_index(f'ix_audit_events_{name}', 'audit_events')
    # On SQLite texts are compared byte by byte already; a new table would lose its triggers.
    if op.get_bind().dialect.name == 'postgresql':
        for label in LABELS:
            op.execute(f'ALTER TABLE audit_events ALTER {label} TYPE varchar(254) COLLATE "C"')
    for name, (columns, condition) in INDEXES.items():
        op.create_index(
            f'ix_audit_events_{name}',
            'audit_events',
            columns,
            sqlite_where=sa.text(condition),
            postgresql_where=sa.text(condition),
        )


def downgrade() -> None:
    for name in INDEXES:
        op.drop_index(f'ix_audit_events_{name}', 'audit_events')
    if op.get_bind().dialect.name == 'postgresql':
        for label in LABELS:
            op.execute(f'ALTER TABLE audit_events ALTER {label} TYPE varchar(254) COLLATE "default"')
    for name, (columns, _) in INDEXES.items():
        op.create_index(f'ix_audit_events_{name}', 'audit_events', columns)
