"""Run the migrations through the app, in one process at a time."""

import logging
import sqlite3
import time
import warnings
from functools import cache
from typing import Any

import click
from alembic import context
from alembic.util import CommandError
from flask import current_app
from psycopg.errors import LockNotAvailable
from sqlalchemy import (
    URL,
    Column,
    Connection,
    Index,
    NullPool,
    create_engine,
    event,
    func,
    make_url,
    select,
    text,
)
from sqlalchemy.exc import OperationalError, SAWarning
from sqlalchemy.schema import SchemaItem
from sqlalchemy.sql import table as sql_table

from app.extensions import db
from app.kit.database import UtcDateTime, lock_holders, migrations
from app.kit.database.engines import LOCK_TIMEOUT

LOCK_ID = 7_362_041  # any number that nothing else in the database uses
PAUSE = 0.5  # seconds between two attempts at a lock
# A change of a table waits for the transactions that use it, and all later transactions wait for
# the change. So it gives up after LOCK_WAIT milliseconds, lets them pass, and tries again.
LOCK_WAIT = 500
LOCK_ATTEMPTS = 60
WAITING = "Another process migrates this database. Waiting for it."

logger = logging.getLogger("alembic.env")
agreed: list[str] = []  # tables that the answer to a question lets go


def lock(connection: Connection) -> None:
    """Wait until no other process migrates, and take a lock that ends with the connection.

    Several hosts that start at once would otherwise all find an empty database. On SQLite the
    write lock, which a transaction takes when it begins, has the same effect.

    The lock is polled, because a statement that waits for it would keep a snapshot open. CREATE
    INDEX CONCURRENTLY in the other process waits until all snapshots are closed.
    """
    connection.execute(text("SET statement_timeout = 0"))
    connection.commit()
    is_told = False
    while not connection.scalar(text("SELECT pg_try_advisory_lock(:id)"), {"id": LOCK_ID}):
        connection.rollback()
        if not is_told:
            click.echo(WAITING, err=True)
            is_told = True
        time.sleep(PAUSE)
    connection.commit()


def limit_waiting(connection: Connection) -> None:
    """Limit how long a transaction waits for a lock. Concurrent builds run outside one and wait."""
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_WAIT}ms'")


def render_item(kind: str, item: object, _context: object) -> str | bool:
    """Render the app's own types as plain column types, because migrations outlive the code."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    return False


def include_object(
    item: SchemaItem, name: str | None, _kind: str, reflected: bool, other: SchemaItem | None
) -> bool:
    """Exclude the objects that revisions create and models cannot describe.

    These are indexes of expressions, and the tables and indexes whose names, or prefixes, a
    revision lists in NOT_IN_MODELS. Generated columns are not compared either, because each engine
    spells their expressions differently.
    """
    if reflected and other is None:
        columns = item.expressions if isinstance(item, Index) else ()
        is_expression = not all(isinstance(column, Column) for column in columns)
        return not is_expression and not (name or "").startswith(not_in_models())
    return other is None or getattr(item, "computed", None) is None


@cache
def not_in_models() -> tuple[str, ...]:
    modules = (script.module for script in context.script.walk_revisions())
    return tuple(name for module in modules for name in getattr(module, "NOT_IN_MODELS", ()))


def finish(_context: object, _revision: object, directives: list) -> None:
    """Write no revision if models and tables match, and let a new branch build on the core."""
    (script,) = directives
    if getattr(context.config.cmd_opts, "autogenerate", False) and script.upgrade_ops.is_empty():
        directives[:] = []
        logger.info("No change of the models found.")
    elif script.head == "base":
        script.depends_on = script.depends_on or context.script.get_revision("core@head").revision


def address() -> URL:
    """Return the URL of the database, past a pooler, because the lock belongs to a session."""
    direct = current_app.config["DATABASE_DIRECT_URL"]
    return make_url(direct) if direct else db.engine.url


def migrate() -> None:
    # SQLite cannot reflect expression indexes, and each comparison would warn about it.
    warnings.filterwarnings(
        "ignore", "Skipped unsupported reflection of expression-based index", SAWarning
    )
    logging.getLogger("alembic.runtime.migration").setLevel(logging.INFO)
    options = {**current_app.extensions["migrate"].configure_args, "render_item": render_item}
    options["include_object"] = include_object
    options.setdefault("process_revision_directives", finish)
    if context.is_offline_mode():
        url = address().render_as_string(hide_password=False)
        options["transaction_per_migration"] = db.engine.dialect.name == "postgresql"
        context.configure(url=url, target_metadata=db.metadata, literal_binds=True, **options)
        with context.begin_transaction():
            context.run_migrations()
        return
    if db.engine.dialect.name == "postgresql":
        migrate_postgresql(options | {"transaction_per_migration": True})
        return
    with db.engine.connect() as connection:
        # SQLite has transactional DDL too, because app.kit.database begins its transactions itself.
        # One transaction covers all revisions, because its write lock makes other processes wait.
        wait_for_sqlite(connection)
        run(connection, options | {"transactional_ddl": True})


def wait_for_sqlite(connection: Connection) -> None:
    """Wait until no other process writes. It may migrate, longer than a request waits for a lock.

    Each attempt waits for LOCK_TIMEOUT.
    """
    driver: Any = connection.connection.dbapi_connection
    is_told = False
    while True:
        try:
            driver.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
        else:
            driver.execute("ROLLBACK")
            return
        if not is_told:
            click.echo(WAITING, err=True)
            is_told = True


def migrate_postgresql(options: dict) -> None:
    """Run each revision in a transaction, and retry while its tables are in use."""
    # The engine has no pool, because the lock belongs to the session and ends with it.
    engine = create_engine(
        address(), poolclass=NullPool, connect_args={"connect_timeout": LOCK_TIMEOUT}
    )
    with engine.connect() as connection:
        lock(connection)
        event.listen(connection, "begin", limit_waiting)
        for attempt in range(1, LOCK_ATTEMPTS + 1):
            try:
                run(connection, options)
            except OperationalError as error:
                if not isinstance(error.orig, LockNotAvailable):
                    raise
                connection.rollback()
                said = " ".join(f"A table is in use: {error.statement}.".split())
                said = f"{said} {lock_holders.oldest(connection)}".strip()
                if attempt == LOCK_ATTEMPTS:
                    raise CommandError(f"{said} Then run the command again.") from None
                logger.info("Attempt %s of %s: %s", attempt, LOCK_ATTEMPTS, said)
                time.sleep(PAUSE)
            else:
                return


def run(connection: Connection, options: dict) -> None:
    """Run the pending revisions."""
    context.configure(connection=connection, target_metadata=db.metadata, **options)
    if "revision_context" in context.get_context().opts:  # `db migrate` and `db check` compare
        migrations.import_models()
    ask_before_deleting(connection)
    with context.begin_transaction():
        refuse_unknown()
        context.run_migrations()


def ask_before_deleting(connection: Connection) -> None:
    """Ask before any step down if one of them deletes rows that its revision says to keep.

    The revision names its tables in KEPT. `-x delete=TABLE` answers the question in a script, for
    several tables with commas between them.
    """
    found = context.get_context()
    steps = found.opts["fn"]
    if steps.__name__ != "downgrade":
        return
    answered = context.get_x_argument(as_dictionary=True).get("delete", "").split(",")
    for step in steps(found.get_current_heads(), found):
        for table, words in getattr(step.revision.module, "KEPT", {}).items():
            count = connection.scalar(select(func.count()).select_from(sql_table(table)))
            if count and table not in (*answered, *agreed):
                question = f"This deletes {words} with {count:,} rows for good. Continue?"
                click.confirm(question, abort=True, err=True)
                agreed.append(table)
    connection.rollback()  # of the reading


def refuse_unknown() -> None:
    """Raise CommandError if the database has a revision without a file, except when purging."""
    applied = set(context.get_context().get_current_heads())
    unknown = applied - {script.revision for script in context.script.walk_revisions()}
    if unknown and not context.get_context().purge:
        found = migrations.explain(unknown)
        raise CommandError(f"{found.problem} {found.hint}")


migrate()
