"""Add a migration to a copy of the repository, as its developers do before an update.

It imports nothing of the project, because the system's Python runs it too (walk_the_guide.py).
"""

from __future__ import annotations

from pathlib import Path

MIGRATION = """
import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "guide_0001", "NEWEST", None, None


def upgrade():
    op.create_table("guide", sa.Column("id", sa.Integer(), primary_key=True))


def downgrade():
    op.drop_table("guide")
"""


def add_a_migration(copy: Path) -> None:
    folder = copy / "migrations" / "versions"
    newest = max(folder.glob("core_*.py")).name[: len("core_0001")]
    (folder / "guide_0001.py").write_text(MIGRATION.replace("NEWEST", newest))
