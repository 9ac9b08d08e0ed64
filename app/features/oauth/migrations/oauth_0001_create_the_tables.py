"""Create the tables of linked accounts

Revision ID: oauth_0001
Revises:
Create Date: 2026-11-28 21:30:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = "oauth_0001"
down_revision = None
branch_labels = ("oauth",)
depends_on = "core_0001"


def upgrade() -> None:
    time = sa.DateTime(timezone=True)
    op.create_table(
        "linked_accounts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("provider", sa.String(64), nullable=False),
        sa.Column("issuer", sa.String(255), nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("created_at", time, nullable=False),
        sa.Column("last_used_at", time, nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
            name=op.f("fk_linked_accounts_user_id_users"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_linked_accounts")),
        sa.UniqueConstraint("issuer", "subject", name=op.f("uq_linked_accounts_issuer_subject")),
    )
    op.create_index(op.f("ix_linked_accounts_user_id"), "linked_accounts", ["user_id"])
    op.create_table(
        "oauth_used_states",
        sa.Column("state", sa.String(64), nullable=False),
        sa.Column("expires_at", time, nullable=False),
        sa.PrimaryKeyConstraint("state", name=op.f("pk_oauth_used_states")),
    )
    op.create_index(op.f("ix_oauth_used_states_expires_at"), "oauth_used_states", ["expires_at"])


def downgrade() -> None:
    op.drop_table("oauth_used_states")
    op.drop_table("linked_accounts")
