"""Fold case by one rule, whatever the locale of the database

Revision ID: 0020
Revises: 0019
Create Date: 2026-11-28 06:50:00.000000
"""

import sqlalchemy as sa
from alembic import op

from app.kit.database.migration_helpers import create_index, drop_index, is_postgresql

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

NAMES = "first_name || ' ' || last_name || ' ' || email"
FOLDED = f"lower(({NAMES}) COLLATE fold) gin_trgm_ops"
# By the collation that comes with it: ICU, if PostgreSQL is built with it, or the C library's.
COLLATIONS = {
    "und-x-icu": "(provider = icu, locale = 'und')",
    "C.utf8": 'FROM "C.utf8"',
    "C": 'FROM "C"',
}


def best_collation() -> str:
    if op.get_context().as_sql:
        return COLLATIONS["und-x-icu"]
    known = set(op.get_bind().scalars(sa.text("SELECT collname FROM pg_collation")))
    return next(made for name, made in COLLATIONS.items() if name in known)


def upgrade() -> None:
    # SQLite's index of trigrams folds case by itself, and has no locale.
    if is_postgresql():
        op.execute(f"CREATE COLLATION IF NOT EXISTS fold {best_collation()}")
        create_index("ix_users_folded", "users", [sa.text(FOLDED)], postgresql_using="gin")
        drop_index("ix_users_search", "users")


def downgrade() -> None:
    if is_postgresql():
        before = sa.text(f"lower({NAMES}) gin_trgm_ops")
        create_index("ix_users_search", "users", [before], postgresql_using="gin")
        drop_index("ix_users_folded", "users")
        op.execute("DROP COLLATION IF EXISTS fold")
