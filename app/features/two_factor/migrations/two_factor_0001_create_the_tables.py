"""Create the tables of second factors

Revision ID: two_factor_0001
Revises:
Create Date: 2026-11-28 18:00:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = "two_factor_0001"
down_revision = None
branch_labels = ("two_factor",)
depends_on = "core_0003"


def upgrade() -> None:
    time = sa.DateTime(timezone=True)
    op.create_table(
        "two_factor_secrets",
        sa.Column("user_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("encrypted", sa.Text(), nullable=False),
        sa.Column("last_step", sa.Integer(), nullable=False),
        sa.Column("created_at", time, nullable=False),
        owner("two_factor_secrets"),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_two_factor_secrets")),
    )
    op.create_table(
        "two_factor_recovery_codes",
        sa.Column("user_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("code_hash", sa.String(255), nullable=False),
        owner("two_factor_recovery_codes"),
        sa.PrimaryKeyConstraint("user_id", "number", name=op.f("pk_two_factor_recovery_codes")),
    )
    op.create_table(
        "two_factor_devices",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("state_hash", sa.String(64), nullable=False),
        sa.Column("device", sa.String(255), nullable=False),
        sa.Column("created_at", time, nullable=False),
        sa.Column("expires_at", time, nullable=False),
        owner("two_factor_devices"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_two_factor_devices")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_two_factor_devices_token_hash")),
    )
    for column in ("user_id", "expires_at"):
        op.create_index(op.f(f"ix_two_factor_devices_{column}"), "two_factor_devices", [column])
    op.create_table(
        "two_factor_roles",
        sa.Column("role_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(
            ["role_id"],
            ["roles.id"],
            name=op.f("fk_two_factor_roles_role_id_roles"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("role_id", name=op.f("pk_two_factor_roles")),
    )


def owner(table: str) -> sa.ForeignKeyConstraint:
    """Return the foreign key of a table whose rows are erased with their user."""
    name = op.f(f"fk_{table}_user_id_users")
    return sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=name, ondelete="CASCADE")


def downgrade() -> None:
    for table in ("roles", "devices", "recovery_codes", "secrets"):
        op.drop_table(f"two_factor_{table}")
