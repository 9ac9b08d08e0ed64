"""Store names in one form of Unicode

Revision ID: 0021
Revises: 0020
Create Date: 2026-11-28 06:51:00.000000
"""

from __future__ import annotations

import unicodedata

from alembic import op

from app.kit.database.migration_helpers import is_postgresql, update_in_batches

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

COLUMNS = ("first_name", "last_name")
LENGTH = 64  # of the columns; a few letters become two


def nfc(text: str) -> str:
    normalised = unicodedata.normalize("NFC", text)
    return normalised if len(normalised) <= LENGTH else text


def upgrade() -> None:
    if not is_postgresql() and not op.get_context().as_sql:
        driver = op.get_bind().connection.dbapi_connection
        driver.create_function("nfc", 1, nfc, deterministic=True)  # type: ignore[union-attr]
    for column in COLUMNS:
        if is_postgresql():
            normalised = f"normalize({column}, NFC)"
            where = f"{column} IS NOT NFC NORMALIZED AND char_length({normalised}) <= {LENGTH}"
        elif op.get_context().as_sql:
            continue  # SQLite has no function for it: offline, such names stay as they are.
        else:
            normalised = f"nfc({column})"
            where = f"{column} <> {normalised}"
        update_in_batches("users", f"{column} = {normalised}", where=where)


def downgrade() -> None:
    pass  # Both forms are the same text.
