"""Fill in which users registered themselves

Revision ID: core_0007
Revises: core_0006
Create Date: 2026-11-29 10:40:00.000000
"""

from app.kit.database import migration_helpers

revision = "core_0007"
down_revision = "core_0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Until now, an unconfirmed account with a password was nothing but a registration.
    migration_helpers.update_in_batches(
        "users",
        "self_registered = true",
        where="NOT confirmed AND password_hash IS NOT NULL AND NOT self_registered",
    )


def downgrade() -> None:
    """Leave the values, which core_0006 drops."""
