"""Create the audit trail, which can be added to and not changed

Revision ID: audit_0001
Revises:
Create Date: 2026-11-28 10:00:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = "audit_0001"
down_revision = None
branch_labels = ("audit",)
depends_on = "core_0001"

# An event without a value is in no index of it, and costs no write there.
INDEXES = {
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


def upgrade() -> None:
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
    for name, (columns, condition) in INDEXES.items():
        where = sa.text(condition) if condition else None
        op.create_index(
            f"ix_audit_events_{name}",
            "audit_events",
            columns,
            sqlite_where=where,
            postgresql_where=where,
        )
    op.create_table(
        "audit_maintenance",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_maintenance")),
    )
    for statement in GUARDS_ON_POSTGRESQL if is_postgresql() else GUARDS_ON_SQLITE:
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("audit_events")
    op.drop_table("audit_maintenance")
    if is_postgresql():
        op.execute("DROP FUNCTION refuse_to_change_the_audit_trail()")
