"""Create the tables of the core

Revision ID: core_0001
Revises:
Create Date: 2026-11-28 10:00:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = "core_0001"
down_revision = None
branch_labels = ("core",)
depends_on = None
# `db downgrade` asks before it deletes the rows of these tables (migrations/env.py).
KEPT = {"audit_events": "the audit trail"}

STATUS = """CASE
    WHEN deleted_at IS NOT NULL THEN 'deleted'
    WHEN suspended_at IS NOT NULL THEN 'suspended'
    WHEN invited_at IS NOT NULL AND password_hash IS NULL THEN 'invited'
    WHEN confirmed THEN 'active'
    ELSE 'unconfirmed'
END"""
# The method of a hash that Werkzeug made: all up to its first `$`.
NO_DOLLAR = "replace(password_hash, '$', '')"
METHOD = f"rtrim(rtrim(rtrim(password_hash, {NO_DOLLAR}), '$'), {NO_DOLLAR})"

# An event without a value is in no index of it, and costs no write there.
INDEXES_OF_EVENTS = {
    "at": (["at", "id"], ""),
    "action": (["action", "id"], ""),
    "actor": (["actor_id", "id"], "actor_id IS NOT NULL"),
    "acting_as": (["acting_as_id", "id"], "acting_as_id IS NOT NULL"),
    "subject": (["subject_type", "subject_id", "id"], "subject_id IS NOT NULL"),
    "actor_label": (["actor_label", "id"], "actor_label <> ''"),
    "subject_label": (["subject_label", "id"], "subject_label <> ''"),
    "address": (["address", "id"], "address <> ''"),
    "request": (["request_id", "id"], "request_id <> ''"),
}

# A transaction may change the trail if it has a row of its own in audit_maintenance, which no other
# transaction sees.
#
# On SQLite, REPLACE deletes the row in its way without asking the triggers on DELETE. A new event
# gets its number from the database, and has none yet in the trigger.
GUARDS_ON_SQLITE = (
    """CREATE TRIGGER audit_events_no_UPDATE BEFORE UPDATE ON audit_events
    WHEN NOT EXISTS (SELECT 1 FROM audit_maintenance)
    BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END""",
    """CREATE TRIGGER audit_events_no_DELETE BEFORE DELETE ON audit_events
    WHEN NOT EXISTS (SELECT 1 FROM audit_maintenance)
    BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END""",
    """CREATE TRIGGER audit_events_no_replace BEFORE INSERT ON audit_events
    WHEN NEW.id > 0 AND EXISTS (SELECT 1 FROM audit_events WHERE id = NEW.id)
    BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END""",
)
GUARDS_ON_POSTGRESQL = (
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


def is_postgresql() -> bool:
    return op.get_context().dialect.name == "postgresql"


def where(condition: str, on_postgresql: str = "") -> dict[str, sa.TextClause]:
    """Return the options of an index of some rows, with the condition as the queries write it."""
    return {
        "sqlite_where": sa.text(condition),
        "postgresql_where": sa.text(on_postgresql or condition),
    }


def upgrade() -> None:
    create_roles()
    create_users()
    create_user_sessions()
    create_email_messages()
    create_password_guesses()
    create_audit_trail()


def create_roles() -> None:
    op.create_table(
        "roles",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("index", sa.String(64), nullable=False),
        sa.Column("default", sa.Boolean(), nullable=False),
        sa.Column("permissions", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_roles")),
        sa.UniqueConstraint("name", name=op.f("uq_roles_name")),
    )
    op.create_index("uq_roles_default", "roles", ["default"], unique=True, **where('"default"'))


def create_users() -> None:
    time = sa.DateTime(timezone=True)
    status = sa.Computed(STATUS, persisted=is_postgresql())
    op.create_table(
        "users",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("confirmed", sa.Boolean(), nullable=False),
        sa.Column("first_name", sa.String(64), nullable=False),
        sa.Column("last_name", sa.String(64), nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("pending_email", sa.String(254), nullable=True),
        sa.Column("password_hash", sa.String(255), nullable=True),
        sa.Column("role_id", sa.Integer(), nullable=True),
        sa.Column("created_at", time, nullable=False),
        sa.Column("last_seen_at", time, nullable=True),
        sa.Column("invited_at", time, nullable=True),
        sa.Column("suspended_at", time, nullable=True),
        sa.Column("reset_message_id", sa.Integer(), nullable=True),
        sa.Column("invite_message_id", sa.Integer(), nullable=True),
        sa.Column("invited_by_id", sa.Integer(), nullable=True),
        sa.Column("suspended_reason", sa.Text(), server_default="", nullable=False),
        sa.Column("deleted_at", time, nullable=True),
        sa.Column("must_change_password", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("status", sa.String(16), status, nullable=False),
        sa.ForeignKeyConstraint(["role_id"], ["roles.id"], name=op.f("fk_users_role_id_roles")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("email", name=op.f("uq_users_email")),
        sqlite_autoincrement=True,
    )
    for name, columns in {
        "ix_users_name": ["last_name", "first_name", "id"],
        "ix_users_created": ["created_at", "id"],
        "ix_users_last_seen": ["last_seen_at", "id"],
        "ix_users_email": ["email", "id"],
    }.items():
        op.create_index(name, "users", columns, **where("deleted_at IS NULL"))
    op.create_index("ix_users_role", "users", ["role_id", "created_at", "id", "deleted_at"])
    op.create_index("ix_users_status", "users", ["status", "created_at", "id", "deleted_at"])
    deleted = where("deleted_at IS NOT NULL")
    op.create_index("ix_users_deleted", "users", ["deleted_at", "id"], **deleted)
    older = where("substr(password_hash, 1, 7) <> '$argon2'")
    op.create_index("ix_users_older_method", "users", [sa.text(METHOD)], **older)


def create_user_sessions() -> None:
    time = sa.DateTime(timezone=True)
    op.create_table(
        "user_sessions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("created_at", time, nullable=False),
        sa.Column("authenticated_at", time, nullable=False),
        sa.Column("last_seen_at", time, nullable=False),
        sa.Column("expires_at", time, nullable=False),
        sa.Column("remembered", sa.Boolean(), nullable=False),
        sa.Column("address", sa.String(45), nullable=False),
        sa.Column("device", sa.String(255), nullable=False),
        sa.Column("acting_as_id", sa.Integer(), nullable=True),
        sa.Column("acting_until", time, nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
            name=op.f("fk_user_sessions_user_id_users"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_sessions")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_user_sessions_token_hash")),
    )
    op.create_index(op.f("ix_user_sessions_expires_at"), "user_sessions", ["expires_at"])
    op.create_index(op.f("ix_user_sessions_user_id"), "user_sessions", ["user_id"])
    acting = where("acting_as_id IS NOT NULL")
    op.create_index("ix_user_sessions_acting_as", "user_sessions", ["acting_as_id"], **acting)


def create_email_messages() -> None:
    time = sa.DateTime(timezone=True)
    op.create_table(
        "email_messages",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("message", sa.String(64), nullable=False),
        sa.Column("recipient", sa.String(254), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("context", sa.JSON(), nullable=False),
        sa.Column("message_id", sa.String(255), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_try_at", time, nullable=False),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.Column("created_at", time, nullable=False),
        sa.Column("claimed_at", time, nullable=True),
        sa.Column("sent_at", time, nullable=True),
        sa.Column("needs_operator", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("claimed_by", sa.String(200), server_default="", nullable=False),
        sa.Column("request_id", sa.String(64), server_default="", nullable=False),
        sa.Column("is_bulk", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
            name=op.f("fk_email_messages_user_id_users"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_email_messages")),
        sa.UniqueConstraint("message_id", name=op.f("uq_email_messages_message_id")),
        sqlite_autoincrement=True,
    )
    for name, columns, options in (
        ("due", ["state", "next_try_at"], {}),
        ("new", ["attempts", "is_bulk", "id"], where("state = 'pending' AND attempts = 0")),
        ("operator", ["next_try_at"], where("needs_operator = 1", "needs_operator")),
        ("sent", ["sent_at"], {}),
        ("state", ["state", "id"], {}),
        ("to", ["recipient", "message", "created_at"], {}),
        ("user", ["user_id", "id"], {}),
    ):
        op.create_index(f"ix_email_messages_{name}", "email_messages", columns, **options)


def create_password_guesses() -> None:
    time = sa.DateTime(timezone=True)
    op.create_table(
        "password_guesses",
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("short_count", sa.Integer(), nullable=False),
        sa.Column("short_ends_at", time, nullable=False),
        sa.Column("long_count", sa.Integer(), nullable=False),
        sa.Column("long_ends_at", time, nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_password_guesses")),
    )
    op.create_index(op.f("ix_password_guesses_long_ends_at"), "password_guesses", ["long_ends_at"])


def create_audit_trail() -> None:
    # Compared byte by byte, so that an index finds labels by their beginning. SQLite always does.
    label = sa.String(254).with_variant(sa.String(254, collation="C"), "postgresql")
    op.create_table(
        "audit_events",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("action", sa.String(64), nullable=False),
        sa.Column("actor_id", sa.Integer(), nullable=True),
        sa.Column("actor_label", label, nullable=False),
        sa.Column("acting_as_id", sa.Integer(), nullable=True),
        sa.Column("acting_as_label", sa.String(254), nullable=False),
        sa.Column("subject_type", sa.String(32), nullable=False),
        sa.Column("subject_id", sa.BigInteger(), nullable=True),
        sa.Column("subject_label", label, nullable=False),
        sa.Column("changes", sa.JSON(), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("address", sa.String(45), nullable=False),
        sa.Column("device", sa.String(255), nullable=False),
        sa.Column("request_id", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_events")),
        sqlite_autoincrement=True,
    )
    for name, (columns, condition) in INDEXES_OF_EVENTS.items():
        options = where(condition) if condition else {}
        op.create_index(f"ix_audit_events_{name}", "audit_events", columns, **options)
    op.create_table(
        "audit_maintenance",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_maintenance")),
    )
    for statement in GUARDS_ON_POSTGRESQL if is_postgresql() else GUARDS_ON_SQLITE:
        op.execute(statement)


def downgrade() -> None:
    for table in (
        *("audit_events", "audit_maintenance", "password_guesses"),
        *("email_messages", "user_sessions", "users", "roles"),
    ):
        op.drop_table(table)
    if is_postgresql():
        op.execute("DROP FUNCTION refuse_to_change_the_audit_trail()")
