"""Index names and emails for the search in the list of users

Revision ID: user_search_0001
Revises:
Create Date: 2026-11-28 10:00:00.000000
"""

import sqlalchemy as sa
from alembic import op

from app.kit.database.migration_helpers import create_index, drop_index, is_postgresql

revision = "user_search_0001"
down_revision = None
branch_labels = ("user_search",)
depends_on = "core_0001"

# These exist on SQLite only, so no model describes them, and autogenerate must skip them.
NOT_IN_MODELS = ("users_search", "ix_users_search_first_name")

# Trigrams find any part of a name or an email, in any case, without a look at every row.
FOLDED = "lower((first_name || ' ' || last_name || ' ' || email) COLLATE fold) gin_trgm_ops"
# Fold case by one rule, whatever the locale of the database: by ICU, if PostgreSQL is built with
# it, or by the C library.
COLLATIONS = {
    "und-x-icu": "(provider = icu, locale = 'und')",
    "C.utf8": 'FROM "C.utf8"',
    "C": 'FROM "C"',
}
# Something else may use the extension, or a superuser may have installed it: then it stays.
DROP_EXTENSION = """DO $$ BEGIN
    DROP EXTENSION IF EXISTS pg_trgm;
EXCEPTION WHEN dependent_objects_still_exist OR insufficient_privilege THEN NULL;
END $$"""

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


def upgrade() -> None:
    if is_postgresql():
        op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
        op.execute(f"CREATE COLLATION IF NOT EXISTS fold {best_collation()}")
        create_index("ix_users_folded", "users", [sa.text(FOLDED)], postgresql_using="gin")
        return
    for statement in SEARCH_ON_SQLITE:
        op.execute(statement)
    # A search too short for trigrams finds the beginning of a name.
    op.create_index(
        "ix_users_search_first_name",
        "users",
        ["first_name", "id"],
        sqlite_where=sa.text("deleted_at IS NULL"),
    )


def best_collation() -> str:
    if op.get_context().as_sql:
        return COLLATIONS["und-x-icu"]
    known = set(op.get_bind().scalars(sa.text("SELECT collname FROM pg_collation")))
    return next(made for name, made in COLLATIONS.items() if name in known)


def downgrade() -> None:
    if is_postgresql():
        drop_index("ix_users_folded", "users")
        op.execute("DROP COLLATION IF EXISTS fold")
        op.execute(DROP_EXTENSION)
        return
    op.drop_index("ix_users_search_first_name", table_name="users")
    for trigger in ("insert", "delete", "update"):
        op.execute(f"DROP TRIGGER users_search_{trigger}")
    op.execute("DROP TABLE users_search")
