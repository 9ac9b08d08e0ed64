"""Create and drop the search index of a table, in migrations.

The index has trigrams, so it finds any part of a word, in any case. A declared table that searches
these columns, in this order, uses it (app/kit/tables/search.py).

On SQLite it is a table of its own, kept by triggers. Batch mode copies a table and loses its
triggers, so a revision that alters the table drops the index before, and creates it after.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from app.kit.database.migration_helpers import create_index, drop_index, is_postgresql

# Fold case by one rule, whatever the locale of the database: by ICU, if PostgreSQL is built with
# it, or by the C library.
COLLATIONS = {
    "und-x-icu": "(provider = icu, locale = 'und')",
    "C.utf8": 'FROM "C.utf8"',
    "C": 'FROM "C"',
}
# Another index may use the extension or the collation, or a superuser may have installed it.
DROP_IF_UNUSED = """DO $$ BEGIN
    DROP {what};
EXCEPTION WHEN dependent_objects_still_exist OR insufficient_privilege THEN NULL;
END $$"""


def create_search_index(
    table: str, columns: Sequence[str], *, nullable: Sequence[str] = (), is_new: bool = False
) -> None:
    """Create the search index of some text columns.

    `nullable` names those that may be NULL. `is_new` says that the same revision creates the
    table, so the index is made in its transaction. The revision lists the table of SQLite for the
    next `db migrate`: `NOT_IN_MODELS = ("projects_search",)`.
    """
    if is_postgresql():
        op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
        op.execute(f"CREATE COLLATION IF NOT EXISTS fold {_best_collation()}")
        parts = [f"coalesce({name}, '')" if name in nullable else name for name in columns]
        whole = " || ' ' || ".join(parts)
        folded = f"lower(({whole}) COLLATE fold) gin_trgm_ops"
        create = op.create_index if is_new else create_index
        create(f"ix_{table}_folded", table, [sa.text(folded)], postgresql_using="gin")
        return
    for statement in _on_sqlite(table, columns):
        op.execute(statement)


def drop_search_index(table: str) -> None:
    """Drop the search index of a table."""
    if is_postgresql():
        drop_index(f"ix_{table}_folded", table)
        for what in ("COLLATION IF EXISTS fold", "EXTENSION IF EXISTS pg_trgm"):
            op.execute(DROP_IF_UNUSED.format(what=what))
        return
    for trigger in ("insert", "delete", "update"):
        op.execute(f"DROP TRIGGER IF EXISTS {table}_search_{trigger}")
    op.execute(f"DROP TABLE {table}_search")


def _best_collation() -> str:
    if op.get_context().as_sql:
        return COLLATIONS["und-x-icu"]
    known = set(op.get_bind().scalars(sa.text("SELECT collname FROM pg_collation")))
    return next(made for name, made in COLLATIONS.items() if name in known)


def _on_sqlite(table: str, columns: Sequence[str]) -> list[str]:
    search, names = f"{table}_search", ", ".join(columns)
    old, new = (", ".join(f"{row}.{name}" for name in columns) for row in ("old", "new"))
    rowid = f"INSERT INTO {search}(rowid, {names})"
    delete = f"INSERT INTO {search}({search}, rowid, {names})"
    add, remove = f"{rowid} VALUES (new.id, {new});", f"{delete} VALUES ('delete', old.id, {old});"
    triggers = {
        "insert": ("INSERT", add),
        "delete": ("DELETE", remove),
        "update": (f"UPDATE OF {names}", f"{remove} {add}"),
    }
    index = f"fts5({names}, content='{table}', content_rowid='id', tokenize='trigram')"
    return [
        f"CREATE VIRTUAL TABLE {search} USING {index}",
        f"INSERT INTO {search}({search}) VALUES ('rebuild')",  # noqa: S608 - a revision's names
        *(
            f"CREATE TRIGGER {search}_{name} AFTER {event} ON {table} BEGIN {statements} END"
            for name, (event, statements) in triggers.items()
        ),
    ]
