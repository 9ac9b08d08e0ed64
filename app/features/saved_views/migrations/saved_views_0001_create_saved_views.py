"""Create the table of saved views

Revision ID: saved_views_0001
Revises:
Create Date: 2026-11-28 14:40:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = "saved_views_0001"
down_revision = None
branch_labels = ("saved_views",)
depends_on = "core_0001"


def upgrade() -> None:
    op.create_table(
        "saved_views",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("owner_id", sa.Integer(), nullable=False),
        sa.Column("endpoint", sa.String(100), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("is_shared", sa.Boolean(), nullable=False),
        sa.Column("is_start", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["owner_id"],
            ["users.id"],
            name=op.f("fk_saved_views_owner_id_users"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_views")),
        sa.UniqueConstraint(
            "owner_id", "endpoint", "name", name=op.f("uq_saved_views_owner_id_endpoint_name")
        ),
    )
    create_index("uq_saved_views_start", ["owner_id", "endpoint"], "is_start", unique=True)
    create_index("ix_saved_views_shared", ["endpoint", "name"], "is_shared")


def create_index(name: str, columns: list[str], where: str, *, unique: bool = False) -> None:
    """Create an index of the rows in which the column `where` is true."""
    condition = sa.text(where)
    op.create_index(
        name,
        "saved_views",
        columns,
        unique=unique,
        sqlite_where=condition,
        postgresql_where=condition,
    )


def downgrade() -> None:
    op.drop_table("saved_views")
