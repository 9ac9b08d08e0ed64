"""Name the rows that end when a backup is restored, because they let somebody in.

A session that ended after the backup was made would be alive again.
"""

from typing import Any

_ended: dict[str, str] = {}


def ends_with_restore(model: Any, *, where: str = "") -> None:
    """Delete the rows of a model from each restored database.

    `where` is SQL for both engines that selects some of them. Older backups have its columns too.
    """
    _ended[model.__tablename__] = where


def statements(tables: set[str], *, schema: str = "") -> list[str]:
    """Return the SQL that deletes these rows, for those of the tables that the database has."""
    quoted = schema.replace('"', '""')
    place = f'"{quoted}".' if schema else ""
    return [
        f'DELETE FROM {place}"{name}"{f" WHERE {where}" if where else ""}'  # noqa: S608
        for name, where in sorted(_ended.items())
        if name in tables
    ]
