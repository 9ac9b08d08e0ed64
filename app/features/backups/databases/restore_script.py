"""Write the SQL around the dump: drop what is there, hold mail, compare, end sessions, commit."""

from __future__ import annotations

from collections.abc import Mapping

from psycopg import sql

from app.features.backups.databases.snapshots import GOT_TABLES, HOLDS, NOT_COMPARED
from app.kit.database import restored
from app.kit.outgoing import values_of_hold

LOCK_WAIT = 30  # seconds that each DROP waits for other transactions

# Drop what no extension owns. The schema and its extensions stay, because the user of the
# application may not own them.
DROP_EVERYTHING = """
DO $drop$
DECLARE one text;
BEGIN
    FOR one IN
        SELECT format('DROP %s IF EXISTS %I.%I CASCADE', CASE c.relkind
            WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE'
            WHEN 'f' THEN 'FOREIGN TABLE' ELSE 'TABLE' END, n.nspname, c.relname)
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = {schema} AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
            AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.deptype = 'e'
                AND d.classid = 'pg_class'::regclass AND d.objid = c.oid)
    LOOP EXECUTE one; END LOOP;
    FOR one IN
        SELECT format('DROP ROUTINE IF EXISTS %s CASCADE', p.oid::regprocedure)
        FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
        WHERE n.nspname = {schema}
            AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.deptype = 'e'
                AND d.classid = 'pg_proc'::regclass AND d.objid = p.oid)
    LOOP EXECUTE one; END LOOP;
    FOR one IN
        SELECT format('DROP TYPE IF EXISTS %I.%I CASCADE', n.nspname, t.typname)
        FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
        LEFT JOIN pg_class c ON c.oid = t.typrelid
        WHERE n.nspname = {schema} AND (t.typtype IN ('e', 'd', 'r') OR c.relkind = 'c')
            AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.deptype = 'e'
                AND d.classid = 'pg_type'::regclass AND d.objid = t.oid)
    LOOP EXECUTE one; END LOOP;
    FOR one IN
        SELECT format('DROP COLLATION IF EXISTS %I.%I CASCADE', n.nspname, k.collname)
        FROM pg_collation k JOIN pg_namespace n ON n.oid = k.collnamespace
        WHERE n.nspname = {schema}
            AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.deptype = 'e'
                AND d.classid = 'pg_collation'::regclass AND d.objid = k.oid)
    LOOP EXECUTE one; END LOOP;
END $drop$;
"""
REFUSE_TABLES = """
DO $refuse$
BEGIN
    IF EXISTS (
        SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = {schema} AND c.relkind IN ('r', 'p')
            AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.deptype = 'e'
                AND d.classid = 'pg_class'::regclass AND d.objid = c.oid)
    ) THEN
        RAISE EXCEPTION '%', {sentence};
    END IF;
END $refuse$;
"""
COMPARE = """
DO $compare$
DECLARE found bigint;
BEGIN
    SELECT count(*) INTO found FROM {schema}.{table};
    IF found <> {count} THEN
        RAISE EXCEPTION '% has % rows and not %', {name}, found, {count};
    END IF;
END $compare$;
"""
REFUSE_UNCOUNTED = """
DO $uncounted$
DECLARE found text;
BEGIN
    SELECT string_agg(c.relname, ', ') INTO found
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = {schema} AND c.relkind IN ('r', 'p') AND c.relname <> ALL ({names}::text[])
        AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.deptype = 'e'
            AND d.classid = 'pg_class'::regclass AND d.objid = c.oid);
    IF found IS NOT NULL THEN
        RAISE EXCEPTION '% is not counted', found;
    END IF;
END $uncounted$;
"""
HOLD = """
DELETE FROM {schema}.{table};
INSERT INTO {schema}.{table} (id, since, reason) VALUES ({id}, {since}, {reason});
"""


def beginning(schema: str, *, replace: bool) -> str:
    """Return the script before the dump: begin a transaction, and drop what is there.

    Without `replace`, tables are refused. Another process that makes tables after that waits for
    the end of the transaction, because it makes the same ones.
    """
    begin = (
        f"BEGIN;\nSET LOCAL statement_timeout = 0;\nSET LOCAL lock_timeout = '{LOCK_WAIT}s';\n"
        "SET LOCAL idle_in_transaction_session_timeout = 0;\n"
    )
    place = sql.Literal(schema)
    if not replace:
        begin += _written(REFUSE_TABLES, schema=place, sentence=sql.Literal(GOT_TABLES))
    return begin + _written(DROP_EVERYTHING, schema=place)


def for_server(start: bytes, server: int) -> bytes:
    """Return the start of a script of pg_restore as this server takes it."""
    # The schema is there already, and may belong to another user.
    start = start.replace(b"\nCREATE SCHEMA ", b"\nCREATE SCHEMA IF NOT EXISTS ", 1)
    if server < 17:  # Older servers do not know the setting.
        start = start.replace(b"SET transaction_timeout = 0;\n", b"", 1)
    # The limit on waiting for locks, from `beginning`, holds on.
    return start.replace(b"SET lock_timeout = 0;\n", b"", 1)


def end(schema: str, rows: Mapping[str, int], reason: str) -> str:
    """Return the script after the dump: hold mail, compare rows, end sessions, and commit."""
    values = {name: sql.Literal(value) for name, value in values_of_hold(reason).items()}
    place = sql.Identifier(schema)
    parts = [_written(HOLD, schema=place, table=sql.Identifier(HOLDS), **values)]
    names = sql.Literal(sorted(rows))
    parts.append(_written(REFUSE_UNCOUNTED, schema=sql.Literal(schema), names=names))
    for name, count in sorted(rows.items()):
        if name not in NOT_COMPARED:
            table, told = sql.Identifier(name), sql.Literal(name)
            number = sql.Literal(count)
            parts.append(_written(COMPARE, schema=place, table=table, name=told, count=number))
    parts += [f"{one};\n" for one in restored.statements(set(rows), schema=schema)]
    # The restore has succeeded by then, whatever becomes of the statistics.
    return "".join([*parts, "COMMIT;\n\\set ON_ERROR_STOP off\nANALYZE;\n"])


def _written(template: str, **parts: sql.Composable) -> str:
    return sql.SQL(template).format(**parts).as_string()
