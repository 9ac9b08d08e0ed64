"""Migrate large tables without blocking readers and writers, on both engines.

On PostgreSQL these steps run outside a transaction, and commit the earlier steps of the revision.
So all other steps of such a revision must be safe to run twice.
"""

from collections.abc import Sequence
from typing import Any

from alembic import op

BATCH = 1_000  # ids that one transaction of `update_in_batches` covers


def is_postgresql() -> bool:
    """Return whether the engine is PostgreSQL, also in offline mode (`db upgrade --sql`)."""
    return op.get_context().dialect.name == "postgresql"


def create_index(name: str, table: str, columns: Sequence[Any], **options: Any) -> None:
    """Create an index, concurrently on PostgreSQL. `options` are those of `op.create_index`.

    An interrupted concurrent build leaves an invalid index, which costs writes and serves no query.
    So an index of that name is dropped first, and the revision may run again.
    """
    if not is_postgresql():
        op.create_index(name, table, columns, **options)
        return
    drop_index(name, table)
    with op.get_context().autocommit_block():
        op.create_index(name, table, columns, postgresql_concurrently=True, **options)


def drop_index(name: str, table: str) -> None:
    """Drop an index if it exists, concurrently on PostgreSQL."""
    if not is_postgresql():
        op.drop_index(name, table, if_exists=True)
        return
    with op.get_context().autocommit_block():
        op.drop_index(name, table, postgresql_concurrently=True, if_exists=True)


def update_in_batches(table: str, assignments: str, *, where: str) -> None:
    """Update rows in ranges of `id`, on PostgreSQL with one transaction for each range.

    A row stays locked for one batch, and not for the whole update. `where` excludes rows that are
    already updated, so that an interrupted revision may run again.
    """
    update = f"UPDATE {table} SET {assignments} WHERE ({where})"  # noqa: S608 - a revision's text
    if not is_postgresql():
        op.execute(update)
        return
    with op.get_context().autocommit_block():
        op.execute(
            f"""DO $batches$
DECLARE low bigint := (SELECT min(id) FROM {table});
BEGIN
    WHILE low IS NOT NULL LOOP
        {update} AND id >= low AND id < low + {BATCH};
        COMMIT;
        low := (SELECT min(id) FROM {table} WHERE id >= low + {BATCH});
    END LOOP;
END $batches$"""  # noqa: S608
        )
