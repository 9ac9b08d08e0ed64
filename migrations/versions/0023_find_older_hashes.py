"""Find older hashes

Revision ID: 0023
Revises: 0022
Create Date: 2026-11-28 07:45:00.000000
"""

import sqlalchemy as sa

from app.kit.database.migration_helpers import create_index, drop_index

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

NO_DOLLAR = "replace(password_hash, '$', '')"
METHOD = f"rtrim(rtrim(rtrim(password_hash, {NO_DOLLAR}), '$'), {NO_DOLLAR})"


def upgrade() -> None:
    where = sa.text("substr(password_hash, 1, 7) <> '$argon2'")
    create_index(
        "ix_users_older_method",
        "users",
        [sa.text(METHOD)],
        sqlite_where=where,
        postgresql_where=where,
    )


def downgrade() -> None:
    drop_index("ix_users_older_method", "users")
