"""Create the tables of API tokens and of answers to give again

Revision ID: api_0001
Revises:
Create Date: 2026-11-29 01:10:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = "api_0001"
down_revision = None
branch_labels = ("api",)
depends_on = "core_0001"


def upgrade() -> None:
    time = sa.DateTime(timezone=True)
    owner = op.f("fk_api_tokens_user_id_users")
    op.create_table(
        "api_tokens",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("access", sa.String(8), nullable=False),
        sa.Column("scopes", sa.Integer(), nullable=False),
        sa.Column("secret_hash", sa.String(64), nullable=False),
        sa.Column("has_second_factor", sa.Boolean(), nullable=False),
        sa.Column("created_at", time, nullable=False),
        sa.Column("expires_at", time, nullable=True),
        sa.Column("last_used_at", time, nullable=True),
        sa.Column("last_used_address", sa.String(45), nullable=False),
        sa.Column("revoked_at", time, nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=owner, ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_tokens")),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_api_tokens_secret_hash")),
    )
    op.create_index(op.f("ix_api_tokens_user_id"), "api_tokens", ["user_id"])
    op.create_index(op.f("ix_api_tokens_expires_at"), "api_tokens", ["expires_at"])
    name, key = "api_idempotent_answers", "fk_api_idempotent_answers_token_id_api_tokens"
    op.create_table(
        name,
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(255), nullable=False),
        sa.Column("request_hash", sa.String(64), nullable=False),
        sa.Column("created_at", time, nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("headers", sa.JSON(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["token_id"], ["api_tokens.id"], name=op.f(key), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_idempotent_answers")),
        sa.UniqueConstraint(
            "token_id", "key", name=op.f("uq_api_idempotent_answers_token_id_key")
        ),
    )
    op.create_index(op.f("ix_api_idempotent_answers_created_at"), name, ["created_at"])


def downgrade() -> None:
    op.drop_table("api_idempotent_answers")
    op.drop_table("api_tokens")
