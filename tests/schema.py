"""Read the schema that migrations create in a database, as text that can be compared."""

import sqlalchemy as sa
from sqlalchemy import Connection

SQLITE = "SELECT type || ' ' || name || ' ' || coalesce(sql, '') FROM sqlite_master"
OWN = "pg_namespace n WHERE n.nspname = 'public' AND n.oid ="
# Objects of an extension are represented by the extension.
POSTGRESQL = f"""
    SELECT format('column %s.%s %s %s %s %s %s', c.relname, a.attname, a.attnum,
                  format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attcollation::regcollation,
                  a.attgenerated::text || pg_get_expr(d.adbin, d.adrelid))
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    LEFT JOIN pg_attrdef d ON (d.adrelid, d.adnum) = (a.attrelid, a.attnum), {OWN} c.relnamespace
    AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
    UNION SELECT format('constraint %s %s %s', conname, conrelid::regclass,
                        pg_get_constraintdef(c.oid))
    FROM pg_constraint c, {OWN} c.connamespace
    UNION SELECT pg_get_indexdef(indexrelid) || ' ' || indisvalid::text
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid, {OWN} c.relnamespace
    UNION SELECT format('sequence %s', c.relname)
    FROM pg_class c, {OWN} c.relnamespace AND c.relkind = 'S'
    UNION SELECT pg_get_triggerdef(t.oid) FROM pg_trigger t WHERE NOT t.tgisinternal
    UNION SELECT pg_get_functiondef(p.oid) FROM pg_proc p, {OWN} p.pronamespace
    AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = p.oid AND deptype = 'e')
    UNION SELECT format('type %s', t.typname) FROM pg_type t, {OWN} t.typnamespace
    AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = t.oid AND deptype IN ('e', 'i'))
    UNION SELECT format('collation %s', c.collname) FROM pg_collation c, {OWN} c.collnamespace
    UNION SELECT format('extension %s', extname) FROM pg_extension
"""  # noqa: S608


def schema(connection: Connection) -> list[str]:
    """Return a line for each table, index, constraint, trigger, function and similar object.

    The tables of Alembic and of SQLite's AUTOINCREMENT are left out.
    """
    query = SQLITE if connection.dialect.name == "sqlite" else POSTGRESQL
    lines = [line or "" for line in connection.scalars(sa.text(query))]
    return sorted(
        line for line in lines if "alembic_version" not in line and "sqlite_sequence" not in line
    )
