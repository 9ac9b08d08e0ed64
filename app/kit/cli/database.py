"""The command that recreates the database."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import flask_migrate
from flask import current_app
from flask.cli import with_appcontext
from sqlalchemy import Connection, MetaData, inspect
from sqlalchemy.dialects.postgresql.base import PGInspector
from sqlalchemy.exc import SAWarning

from app.extensions import db
from app.kit.database import migrations
from app.kit.database.ahead import is_ahead
from config import NOT_CHOSEN


@click.command("recreate_db")
@with_appcontext
def recreate_db() -> None:
    """Drop every table with what it holds, and migrate anew. Refused in production."""
    refuse_in_production()
    drop_everything()
    flask_migrate.upgrade(revision="heads")
    click.echo("The database is empty and up to date. Next: python manage.py setup_dev")


def drop_search_tables(connection: Connection) -> None:
    """Drop SQLite's virtual tables for search, together with their shadow tables."""
    if connection.dialect.name == "sqlite":
        names = connection.exec_driver_sql(
            "SELECT name FROM sqlite_master WHERE sql LIKE 'CREATE VIRTUAL TABLE%'"
        )
        for (name,) in names.all():
            connection.exec_driver_sql(f'DROP TABLE "{name}"')


def upgrade_unless_ahead() -> None:
    """Apply the pending migrations, or say that a newer release has migrated the database.

    So a release that is rolled back to can be deployed like any other.
    """
    with db.engine.connect() as connection:
        found = migrations.problem(connection, Path(current_app.extensions["migrate"].directory))
        newer = is_ahead(found, connection)
    if found is None or not newer:
        flask_migrate.upgrade(revision="heads")
        return
    click.echo(f"{found.problem} It has all tables and columns of this code. Nothing is migrated.")


@contextmanager
def quiet_if_new() -> Iterator[None]:
    """Log warnings alone while a database without tables gets them, and say that it did."""
    with db.engine.connect() as connection:
        is_new = not inspect(connection).has_table("alembic_version")
    if not is_new:
        yield
        return
    logging.disable(logging.INFO)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
    click.echo("Made the tables, the roles and the first administrator.")


def refuse_in_production() -> None:
    if current_app.config["PRODUCTION"]:
        raise click.ClickException("This command is refused in production.")


def refuse_unless_chosen() -> None:
    """Stop a deployment without a configuration, which would use the development database."""
    if not current_app.config["IS_CHOSEN"]:
        raise click.ClickException(NOT_CHOSEN)


def drop_everything() -> None:
    """Drop every table of the database, including tables without a model."""
    with db.engine.begin() as connection:
        drop_search_tables(connection)
        found = MetaData()
        with warnings.catch_warnings():
            # SQLAlchemy does not reflect SQLite's expression indexes; they go with their table.
            warnings.simplefilter("ignore", SAWarning)
            found.reflect(connection)
        found.drop_all(connection)
        inspector = inspect(connection)
        if isinstance(inspector, PGInspector):
            for enum in inspector.get_enums():
                connection.exec_driver_sql(f'DROP TYPE "{enum["name"]}"')


commands = [recreate_db]
