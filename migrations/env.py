"""How Alembic reaches the database: through the app, and one at a time."""

import logging

from alembic import context
from flask import current_app
from sqlalchemy import Connection, text

from app.database import UtcDateTime
from app.extensions import db

LOCK_ID = 7_362_041  # any number that nothing else in the database uses

logger = logging.getLogger("alembic.env")


def lock(connection: Connection) -> None:
    """Wait until no other process migrates; the lock ends with the connection.

    Several hosts that start at once would otherwise all find an empty database. On SQLite the
    write lock, which a transaction takes when it begins, does the same.
    """
    if connection.dialect.name == "postgresql":
        connection.detach()
        connection.execute(text("SET statement_timeout = 0"))
        connection.execute(text("SELECT pg_advisory_lock(:id)"), {"id": LOCK_ID})
        connection.commit()


def render_item(kind: str, item: object, _context: object) -> str | bool:
    """Write a type of the app's own as the column type behind it: migrations outlive the code."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    return False


def include_object(
    _object: object, name: str | None, kind: str, reflected: bool, _other: object
) -> bool:
    """Leave alone what migrations make and models cannot describe: the indexes for searching.

    Nor is a generated column compared, because engines tell its expression in words of their own.
    """
    is_search = reflected and (name or "").startswith(("users_search", "ix_users_search"))
    return not is_search and (kind, name) != ("column", "status")


def leave_out_empty(_context: object, _revision: object, directives: list) -> None:
    """Write no revision when the models and the tables agree."""
    if (
        getattr(context.config.cmd_opts, "autogenerate", False)
        and directives[0].upgrade_ops.is_empty()
    ):
        directives[:] = []
        logger.info("No change of the models found.")


def migrate() -> None:
    logging.getLogger("alembic.runtime.migration").setLevel(logging.INFO)
    options = {**current_app.extensions["migrate"].configure_args, "render_item": render_item}
    options["include_object"] = include_object
    options.setdefault("process_revision_directives", leave_out_empty)
    if context.is_offline_mode():
        url = db.engine.url.render_as_string(hide_password=False)
        context.configure(url=url, target_metadata=db.metadata, literal_binds=True, **options)
        with context.begin_transaction():
            context.run_migrations()
        return
    with db.engine.connect() as connection:
        lock(connection)
        # True of SQLite too, because app.database begins its transactions itself.
        options["transactional_ddl"] = True
        context.configure(connection=connection, target_metadata=db.metadata, **options)
        with context.begin_transaction():
            context.run_migrations()


migrate()
