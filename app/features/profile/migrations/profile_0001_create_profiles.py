"""Create the table of profiles

Revision ID: profile_0001
Revises:
Create Date: 2026-11-28 18:10:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = "profile_0001"
down_revision = None
branch_labels = ("profile",)
depends_on = "core_0004"


def upgrade() -> None:
    op.create_table(
        "profiles",
        sa.Column("user_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("picture_id", sa.Integer(), nullable=True),
        sa.Column("picture_name", sa.String(32), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], op.f("fk_profiles_user_id_users"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["picture_id"],
            ["stored_files.id"],
            op.f("fk_profiles_picture_id_stored_files"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_profiles")),
    )
    op.create_index(op.f("ix_profiles_picture_id"), "profiles", ["picture_id"])


def downgrade() -> None:
    # The nightly clean-up deletes files of the kind "".
    op.execute("UPDATE stored_files SET kind = '' WHERE kind = 'picture'")
    op.drop_table("profiles")
