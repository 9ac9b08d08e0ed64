"""Create the table of sign-ins by mail

Revision ID: magic_link_0001
Revises:
Create Date: 2026-11-28 18:20:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = "magic_link_0001"
down_revision = None
branch_labels = ("magic_link",)
depends_on = "core_0001"


def upgrade() -> None:
    op.create_table(
        "mailed_sign_ins",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("browser", sa.String(64), nullable=False),
        sa.Column("guesses", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
            name=op.f("fk_mailed_sign_ins_user_id_users"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mailed_sign_ins")),
    )
    op.create_index(op.f("ix_mailed_sign_ins_user_id"), "mailed_sign_ins", ["user_id"])
    op.create_index(op.f("ix_mailed_sign_ins_created_at"), "mailed_sign_ins", ["created_at"])


def downgrade() -> None:
    op.drop_table("mailed_sign_ins")
