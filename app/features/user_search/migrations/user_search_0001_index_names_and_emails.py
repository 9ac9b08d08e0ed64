"""Index names and emails for the search in the list of users

Revision ID: user_search_0001
Revises:
Create Date: 2026-11-28 10:00:00.000000
"""

import sqlalchemy as sa
from alembic import op

from app.kit.database.migration_helpers import is_postgresql
from app.kit.database.search_index import create_search_index, drop_search_index

revision = "user_search_0001"
down_revision = None
branch_labels = ("user_search",)
depends_on = "core_0001"

# These exist on SQLite only, so no model describes them, and autogenerate must skip them.
NOT_IN_MODELS = ("users_search", "ix_users_search_first_name")


def upgrade() -> None:
    # Trigrams find any part of a name or an email, in any case, without a look at every row.
    create_search_index("users", ["first_name", "last_name", "email"])
    if is_postgresql():
        return
    # A search too short for trigrams finds the beginning of a name.
    op.create_index(
        "ix_users_search_first_name",
        "users",
        ["first_name", "id"],
        sqlite_where=sa.text("deleted_at IS NULL"),
    )


def downgrade() -> None:
    if not is_postgresql():
        op.drop_index("ix_users_search_first_name", table_name="users")
    drop_search_index("users")
