"""Create the tables of imports into declared tables

Revision ID: core_0005
Revises: core_0004
Create Date: 2026-11-28 18:00:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = "core_0005"
down_revision = "core_0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    time = sa.DateTime(timezone=True)
    op.create_table(
        "table_imports",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("endpoint", sa.String(100), nullable=False),
        sa.Column("actor_id", sa.Integer(), nullable=False),
        sa.Column("actor_label", sa.String(254), nullable=False),
        sa.Column("provenance", sa.JSON(), nullable=False),
        sa.Column("file_name", sa.String(255), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("encoding", sa.String(16), nullable=False),
        sa.Column("delimiter", sa.String(1), nullable=False),
        sa.Column("has_header", sa.Boolean(), nullable=False),
        sa.Column("columns", sa.JSON(), nullable=False),
        sa.Column("lines", sa.Integer(), nullable=False),
        sa.Column("mapping", sa.JSON(), nullable=False),
        sa.Column("mode", sa.String(16), nullable=False),
        sa.Column("update_existing", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("keep_good", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("failure", sa.Text(), nullable=False),
        sa.Column("checks", sa.Integer(), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("job_id", sa.String(200), nullable=False),
        sa.Column("created_at", time, nullable=False),
        sa.Column("started_at", time, nullable=True),
        sa.Column("moved_at", time, nullable=True),
        sa.Column("finished_at", time, nullable=True),
        sa.Column("left_out", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_table_imports")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_table_imports_endpoint", "table_imports", ["endpoint", "id"])
    create_part("table_import_chunks", "number", sa.Column("data", sa.LargeBinary(), nullable=False))
    create_part("table_import_results", "position", sa.Column("lines", sa.JSON(), nullable=False))
    op.create_table(
        "table_import_problems",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("import_id", sa.Integer(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("field", sa.String(64), nullable=False),
        sa.Column("value", sa.String(100), nullable=False),
        sa.Column("message", sa.String(255), nullable=False),
        sa.ForeignKeyConstraint(
            ["import_id"],
            ["table_imports.id"],
            name=op.f("fk_table_import_problems_import_id_table_imports"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_table_import_problems")),
    )
    op.create_index(
        "ix_table_import_problems_line", "table_import_problems", ["import_id", "line", "id"]
    )


def create_part(table: str, number: str, content: sa.Column) -> None:
    """Create a table of numbered pieces of an import."""
    op.create_table(
        table,
        sa.Column("import_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column(number, sa.Integer(), autoincrement=False, nullable=False),
        content,
        sa.ForeignKeyConstraint(
            ["import_id"],
            ["table_imports.id"],
            name=op.f(f"fk_{table}_import_id_table_imports"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("import_id", number, name=op.f(f"pk_{table}")),
    )


def downgrade() -> None:
    for part in ("problems", "results", "chunks"):
        op.drop_table(f"table_import_{part}")
    op.drop_table("table_imports")
