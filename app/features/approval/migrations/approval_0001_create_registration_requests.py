"""Create the table of registrations that are not approved

Revision ID: approval_0001
Revises:
Create Date: 2026-11-28 18:40:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = "approval_0001"
down_revision = None
branch_labels = ("approval",)
depends_on = "core_0001"


def upgrade() -> None:
    op.create_table(
        "registration_requests",
        sa.Column("user_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("refused_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
            name=op.f("fk_registration_requests_user_id_users"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_registration_requests")),
    )


def downgrade() -> None:
    op.drop_table("registration_requests")
