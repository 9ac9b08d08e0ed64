"""How Alembic reaches the database: through the app, and one at a time."""

import logging
import time
import warnings
from functools import cache

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
    make_url,
    text,
)
from sqlalchemy.exc import OperationalError, SAWarning
from sqlalchemy.schema import SchemaItem

from app.extensions import db
from app.kit.database import LOCK_TIMEOUT, UtcDateTime, migrations

LOCK_ID = 7_362_041  # any number that nothing else in the database uses
PAUSE = 0.5  # seconds between two attempts at a lock
# A change of a table waits for the transactions that use it, and all that come later wait for it.
# So it gives up after LOCK_WAIT seconds, lets them through, and tries again.
LOCK_WAIT = 3
LOCK_ATTEMPTS = 20

logger = logging.getLogger("alembic.env")


def lock(connection: Connection) -> None:
    """Wait until no other process migrates; the lock ends with the connection.

    Several hosts that start at once would otherwise all find an empty database. On SQLite the
    write lock, which a transaction takes when it begins, does the same.

    The lock is asked for again and again: a statement that waits for it would keep a snapshot
    open, and CREATE INDEX CONCURRENTLY in the other process waits until there is none.
    """
    connection.execute(text("SET statement_timeout = 0"))
    connection.commit()
    while not connection.scalar(text("SELECT pg_try_advisory_lock(:id)"), {"id": LOCK_ID}):
        connection.rollback()
        time.sleep(PAUSE)
    connection.commit()


def limit_waiting(connection: Connection) -> None:
    """Limit how long a transaction waits for a lock; concurrent builds, which run in none, wait."""
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_WAIT}s'")


def render_item(kind: str, item: object, _context: object) -> str | bool:
    """Write a type of the app's own as the column type behind it: migrations outlive the code."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    return False


def include_object(
    item: SchemaItem, name: str | None, _kind: str, reflected: bool, other: SchemaItem | None
) -> bool:
    """Leave alone what revisions create and models cannot describe.

    These are indexes of expressions, and what a revision lists in NOT_IN_MODELS: names of tables
    and indexes, or their beginnings. A generated column is not compared either, because each
    engine spells its expression in its own way.
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
    """Write no revision when models and tables agree, and let a new branch build on the core."""
    (script,) = directives
    if getattr(context.config.cmd_opts, "autogenerate", False) and script.upgrade_ops.is_empty():
        directives[:] = []
        logger.info("No change of the models found.")
    elif script.head == "base":
        script.depends_on = script.depends_on or context.script.get_revision("core@head").revision


def address() -> URL:
    """Return the database's URL, past a pooler: the lock belongs to a session."""
    direct = current_app.config["DATABASE_DIRECT_URL"]
    return make_url(direct) if direct else db.engine.url


def migrate() -> None:
    # On SQLite nothing compares an index of an expression, and each comparison would say so.
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
        # True of SQLite too, because app.kit.database begins its transactions itself. There is one
        # for all revisions, because its write lock is what makes another process wait.
        run(connection, options | {"transactional_ddl": True})


def migrate_postgresql(options: dict) -> None:
    """Run the revisions, each in a transaction, again while tables that they change are in use."""
    # No pool: the lock belongs to the session, and ends with it.
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
                if attempt == LOCK_ATTEMPTS or not isinstance(error.orig, LockNotAvailable):
                    raise
                logger.info("A table is in use. Attempt %s of %s failed.", attempt, LOCK_ATTEMPTS)
                connection.rollback()
                time.sleep(PAUSE)
            else:
                return


def run(connection: Connection, options: dict) -> None:
    """Run the revisions that the database lacks."""
    context.configure(connection=connection, target_metadata=db.metadata, **options)
    if "revision_context" in context.get_context().opts:  # `db migrate` and `db check` compare
        migrations.import_models()
    with context.begin_transaction():
        refuse_unknown()
        context.run_migrations()


def refuse_unknown() -> None:
    """Say in a sentence that the database has a revision without a file, unless it is purged."""
    applied = set(context.get_context().get_current_heads())
    unknown = applied - {script.revision for script in context.script.walk_revisions()}
    if unknown and not context.get_context().purge:
        found = migrations.explain(unknown)
        raise CommandError(f"{found.problem} {found.hint}")


migrate()
