"""Copy and restore the database of the application, by its engine."""

from app.extensions import is_sqlite
from app.features.backups.databases import postgresql, sqlite
from app.features.backups.databases.snapshots import DatabaseCopier, DatabaseSnapshot

__all__ = ["DatabaseCopier", "DatabaseSnapshot", "copier"]


def copier() -> DatabaseCopier:
    """Return the copier for the engine of the application."""
    return sqlite.SqliteCopier() if is_sqlite() else postgresql.PostgresCopier()
