"""Tell whether a newer release has migrated the database, and this code can still use it."""

from sqlalchemy import Connection, inspect

from app.extensions import db
from app.kit.database.migrations import FORMER_REVISION, Mismatch


def is_ahead(found: Mismatch | None, connection: Connection) -> bool:
    """Return whether the database has unknown migrations, and everything that this code needs.

    The name of an unknown migration does not tell what else was applied before it. So the database
    must have each table and column of the models. A missing index or constraint stops no page.
    """
    if found is None or not found.unknown or any(map(FORMER_REVISION.fullmatch, found.unknown)):
        return False
    stored = inspect(connection).get_multi_columns()
    columns = {name: {column["name"] for column in stored[None, name]} for _, name in stored}
    return all(
        {column.name for column in table.columns} <= columns.get(table.name, set())
        for table in db.metadata.tables.values()
    )
