"""Keep an audit trail

Revision ID: 0008
Revises: 0007
Create Date: 2026-11-21 11:25:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = '0008'
down_revision = '0007'
branch_labels = None
depends_on = None

INDEXES = {
    'at': ['at', 'id'],
    'action': ['action', 'id'],
    'actor': ['actor_id', 'id'],
    'actor_label': ['actor_label', 'id'],
    'acting_as': ['acting_as_id', 'id'],
    'subject': ['subject_type', 'subject_id', 'id'],
    'subject_label': ['subject_label', 'id'],
    'address': ['address', 'id'],
    'request': ['request_id', 'id'],
}

# The trail can be added to and not changed, except by a transaction that has a row of its own in
# audit_maintenance, which no other transaction sees.
GUARD_ON_SQLITE = """CREATE TRIGGER audit_events_no_{deed} BEFORE {deed} ON audit_events
    WHEN NOT EXISTS (SELECT 1 FROM audit_maintenance)
    BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END"""
GUARD_ON_POSTGRESQL = (
    """CREATE OR REPLACE FUNCTION refuse_to_change_the_audit_trail() RETURNS trigger AS $$
    BEGIN
        IF NOT EXISTS (SELECT 1 FROM audit_maintenance) THEN
            RAISE EXCEPTION 'the audit trail is append-only';
        END IF;
        RETURN NULL;
    END $$ LANGUAGE plpgsql""",
    """CREATE TRIGGER audit_events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_events
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_change_the_audit_trail()""",
)


def upgrade() -> None:
    op.create_table(
        'audit_events',
        sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
        sa.Column('at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('action', sa.String(length=64), nullable=False),
        sa.Column('actor_id', sa.Integer(), nullable=True),
        sa.Column('actor_label', sa.String(length=254), nullable=False),
        sa.Column('acting_as_id', sa.Integer(), nullable=True),
        sa.Column('acting_as_label', sa.String(length=254), nullable=False),
        sa.Column('subject_type', sa.String(length=32), nullable=False),
        sa.Column('subject_id', sa.BigInteger(), nullable=True),
        sa.Column('subject_label', sa.String(length=254), nullable=False),
        sa.Column('changes', sa.JSON(), nullable=False),
        sa.Column('details', sa.JSON(), nullable=False),
        sa.Column('address', sa.String(length=45), nullable=False),
        sa.Column('device', sa.String(length=255), nullable=False),
        sa.Column('request_id', sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_audit_events')),
        sqlite_autoincrement=True,
    )
    for name, columns in INDEXES.items():
        op.create_index(f'ix_audit_events_{name}', 'audit_events', columns)
    op.create_table(
        'audit_maintenance',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_audit_maintenance')),
    )
    if op.get_bind().dialect.name == 'sqlite':
        for deed in ('UPDATE', 'DELETE'):
            op.execute(GUARD_ON_SQLITE.format(deed=deed))
    else:
        for statement in GUARD_ON_POSTGRESQL:
            op.execute(statement)


def downgrade() -> None:
    op.drop_table('audit_maintenance')
    op.drop_table('audit_events')
    if op.get_bind().dialect.name == 'postgresql':
        op.execute('DROP FUNCTION refuse_to_change_the_audit_trail()')
