"""Know more of people, and find them

Revision ID: 0007
Revises: 0006
Create Date: 2026-11-21 11:20:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = '0007'
down_revision = '0006'
branch_labels = None
depends_on = None

STATUS = """CASE
    WHEN deleted_at IS NOT NULL THEN 'deleted'
    WHEN suspended_at IS NOT NULL THEN 'suspended'
    WHEN invited_at IS NOT NULL AND password_hash IS NULL THEN 'invited'
    WHEN confirmed THEN 'active'
    ELSE 'unconfirmed'
END"""
NOT_DELETED = 'deleted_at IS NULL'
LISTS = {
    'ix_users_name': ['last_name', 'first_name', 'id'],
    'ix_users_created': ['created_at', 'id'],
    'ix_users_last_seen': ['last_seen_at', 'id'],
    'ix_users_email': ['email', 'id'],
}

# What 0002 made to count by, as 0002 has it.
KINDS = {
    'suspended': 'suspended_at IS NOT NULL',
    'invited': 'suspended_at IS NULL AND invited_at IS NOT NULL AND password_hash IS NULL',
    'unconfirmed': 'suspended_at IS NULL AND invited_at IS NULL AND ',
}
NOT_CONFIRMED = {'unconfirmed': ('confirmed = 0', 'NOT confirmed')}

# Trigrams find any part of a name or an address, in any case, without a look at every row.
SEARCH_ON_SQLITE = (
    """CREATE VIRTUAL TABLE users_search USING fts5(
        first_name, last_name, email, content='users', content_rowid='id', tokenize='trigram')""",
    "INSERT INTO users_search(users_search) VALUES ('rebuild')",
    """CREATE TRIGGER users_search_insert AFTER INSERT ON users BEGIN
        INSERT INTO users_search(rowid, first_name, last_name, email)
        VALUES (new.id, new.first_name, new.last_name, new.email);
    END""",
    """CREATE TRIGGER users_search_delete AFTER DELETE ON users BEGIN
        INSERT INTO users_search(users_search, rowid, first_name, last_name, email)
        VALUES ('delete', old.id, old.first_name, old.last_name, old.email);
    END""",
    """CREATE TRIGGER users_search_update AFTER UPDATE OF first_name, last_name, email ON users BEGIN
        INSERT INTO users_search(users_search, rowid, first_name, last_name, email)
        VALUES ('delete', old.id, old.first_name, old.last_name, old.email);
        INSERT INTO users_search(rowid, first_name, last_name, email)
        VALUES (new.id, new.first_name, new.last_name, new.email);
    END""",
)
SEARCH_ON_POSTGRESQL = (
    'CREATE EXTENSION IF NOT EXISTS pg_trgm',
    """CREATE INDEX ix_users_search ON users
        USING gin (lower(first_name || ' ' || last_name || ' ' || email) gin_trgm_ops)""",
)


def is_sqlite() -> bool:
    return op.get_bind().dialect.name == 'sqlite'


def upgrade() -> None:
    # Column by column: a table that SQLite makes anew would take the rows that refer to it along.
    time = 'DATETIME' if is_sqlite() else 'TIMESTAMP WITH TIME ZONE'
    generated = 'VIRTUAL' if is_sqlite() else 'STORED'
    for table, column in (
        ('users', 'invited_by_id INTEGER'),
        ('users', "suspended_reason TEXT DEFAULT '' NOT NULL"),
        ('users', f'deleted_at {time}'),
        ('users', f"must_change_password BOOLEAN DEFAULT {'0' if is_sqlite() else 'false'} NOT NULL"),
        ('users', f'status VARCHAR(16) GENERATED ALWAYS AS ({STATUS}) {generated} NOT NULL'),
        ('user_sessions', 'acting_as_id INTEGER'),
        ('user_sessions', f'acting_until {time}'),
    ):
        op.execute(f'ALTER TABLE {table} ADD COLUMN {column}')

    for kind in KINDS:
        op.drop_index(f'ix_users_{kind}', table_name='users')
    for name, columns in LISTS.items():
        if name != 'ix_users_email':
            op.drop_index(name, table_name='users')
        where = sa.text(NOT_DELETED)
        op.create_index(name, 'users', columns, sqlite_where=where, postgresql_where=where)
    op.create_index('ix_users_status', 'users', ['status', 'created_at', 'id'])
    for statement in SEARCH_ON_SQLITE if is_sqlite() else SEARCH_ON_POSTGRESQL:
        op.execute(statement)


def downgrade() -> None:
    if is_sqlite():
        for trigger in ('insert', 'delete', 'update'):
            op.execute(f'DROP TRIGGER users_search_{trigger}')
        op.execute('DROP TABLE users_search')
    else:
        op.drop_index('ix_users_search', table_name='users')
    op.drop_index('ix_users_status', table_name='users')
    for name, columns in LISTS.items():
        op.drop_index(name, table_name='users')
        if name != 'ix_users_email':
            op.create_index(name, 'users', columns)
    for kind, condition in KINDS.items():
        on_sqlite, on_postgresql = NOT_CONFIRMED.get(kind, ('', ''))
        op.create_index(
            f'ix_users_{kind}',
            'users',
            ['suspended_at', 'invited_at', 'confirmed'],
            sqlite_where=sa.text(condition + on_sqlite),
            postgresql_where=sa.text(condition + on_postgresql),
        )
    # Who was deleted before would otherwise be able to sign in again.
    op.execute('UPDATE users SET suspended_at = deleted_at WHERE deleted_at IS NOT NULL')
    op.execute('ALTER TABLE users DROP COLUMN status')
    for table, column in (
        ('users', 'invited_by_id'),
        ('users', 'suspended_reason'),
        ('users', 'deleted_at'),
        ('users', 'must_change_password'),
        ('user_sessions', 'acting_as_id'),
        ('user_sessions', 'acting_until'),
    ):
        op.execute(f'ALTER TABLE {table} DROP COLUMN {column}')
