"""Create the tables of webhooks

Revision ID: webhooks_0001
Revises:
Create Date: 2026-11-29 01:20:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = "webhooks_0001"
down_revision = None
branch_labels = ("webhooks",)
depends_on = "core_0001"


def upgrade() -> None:
    time = sa.DateTime(timezone=True)
    op.create_table(
        "webhooks",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("uid", sa.String(24), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("wants_all", sa.Boolean(), nullable=False),
        sa.Column("encrypted", sa.Text(), nullable=False),
        sa.Column("former_encrypted", sa.Text(), nullable=False),
        sa.Column("former_until", time, nullable=True),
        sa.Column("created_at", time, nullable=False),
        sa.Column("succeeded_at", time, nullable=True),
        sa.Column("failing_since", time, nullable=True),
        sa.Column("held_until", time, nullable=True),
        sa.Column("off_reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhooks")),
        sa.UniqueConstraint("uid", name=op.f("uq_webhooks_uid")),
    )
    op.create_table(
        "webhook_actions",
        sa.Column("webhook_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("action", sa.String(64), nullable=False),
        webhook("webhook_actions"),
        sa.PrimaryKeyConstraint("webhook_id", "action", name=op.f("pk_webhook_actions")),
    )
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("webhook_id", sa.Integer(), nullable=False),
        sa.Column(
            "event_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True
        ),
        sa.Column("action", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_try_at", time, nullable=False),
        sa.Column("created_at", time, nullable=False),
        sa.Column("queued_at", time, nullable=False),
        sa.Column("tried_at", time, nullable=True),
        sa.Column("milliseconds", sa.Integer(), nullable=True),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        webhook("webhook_deliveries"),
        sa.ForeignKeyConstraint(
            ["event_id"],
            ["audit_events.id"],
            op.f("fk_webhook_deliveries_event_id_audit_events"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_deliveries")),
        sa.UniqueConstraint(
            "event_id", "webhook_id", name=op.f("uq_webhook_deliveries_event_id_webhook_id")
        ),
        sqlite_autoincrement=True,
    )
    for name, columns in {
        "due": ["state", "next_try_at"],
        "webhook": ["webhook_id", "id"],
        "created": ["created_at"],
    }.items():
        op.create_index(f"ix_webhook_deliveries_{name}", "webhook_deliveries", columns)


def webhook(table: str) -> sa.ForeignKeyConstraint:
    """Return the foreign key of a table whose rows go with their webhook."""
    return sa.ForeignKeyConstraint(
        ["webhook_id"],
        ["webhooks.id"],
        op.f(f"fk_{table}_webhook_id_webhooks"),
        ondelete="CASCADE",
    )


def downgrade() -> None:
    for table in ("webhook_deliveries", "webhook_actions", "webhooks"):
        op.drop_table(table)
