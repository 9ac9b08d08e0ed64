"""Name the transaction for which a migration waits."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, text

FIRST_USER_OBJECT = 16_384  # Smaller numbers are tables of PostgreSQL itself.
OLDEST = text(
    """
SELECT a.pid, a.application_name, a.state,
    extract(epoch FROM clock_timestamp() - a.xact_start)::int AS seconds,
    (SELECT string_agg(DISTINCT c.relname, ', ') FROM pg_locks l
     JOIN pg_class c ON c.oid = l.relation
     WHERE l.pid = a.pid AND l.granted AND c.relkind IN ('r', 'p') AND l.relation >= :first) AS used
FROM pg_stat_activity a
WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() AND a.xact_start IS NOT NULL
    AND EXISTS (SELECT FROM pg_locks l
                WHERE l.pid = a.pid AND l.granted AND l.relation >= :first)
ORDER BY a.xact_start LIMIT 1
"""
)


def oldest(connection: Connection) -> str:
    """Return a sentence about the oldest other transaction that uses tables, or "".

    Another user of PostgreSQL may hide its state.
    """
    row: Any = connection.execute(OLDEST, {"first": FIRST_USER_OBJECT}).first()
    connection.rollback()
    if row is None:
        return ""
    about = ", ".join(filter(None, (row.application_name, row.state)))
    return (
        f"Process {row.pid} of PostgreSQL{f' ({about})' if about else ''} uses "
        f"{row.used or 'an index'} in a transaction of {row.seconds} s. "
        f"This ends it: SELECT pg_terminate_backend({row.pid});"
    )
