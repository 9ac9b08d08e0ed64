"""The command that copies a database."""

from __future__ import annotations

import click
import flask_migrate
from flask import current_app
from flask.cli import with_appcontext
from sqlalchemy import inspect, make_url
from sqlalchemy.exc import SQLAlchemyError

from app.extensions import db, is_sqlite
from app.features.copy_database import copying, source
from app.features.copy_database.source import CannotCopy


@click.command("copy_database")
@click.argument("source_url", envvar="SOURCE_DATABASE_URL")
@click.option("--dry-run", is_flag=True, help="Look whether it would work, and copy no row.")
@click.option(
    "--leave-out", multiple=True, metavar="TABLE", help="Copy without this table. Repeat it."
)
@with_appcontext
def copy_database(source_url: str, dry_run: bool, leave_out: tuple[str, ...]) -> None:
    """Copy the SQLite database at SOURCE_URL with all rows into this app's PostgreSQL.

    DATABASE_URL names the target, which has to be empty. Stop the web and worker processes before:
    until the copy ends, nobody can write to the source.
    """
    if is_sqlite():
        raise click.ClickException(
            "The target has to be PostgreSQL. Name it in DATABASE_URL, or in DEV_DATABASE_URL for "
            "development."
        )
    direct = current_app.config["DATABASE_DIRECT_URL"]
    try:
        with source.opened(source_url):
            pass  # Nothing is created in the target for a source that cannot be read.
        if not inspect(db.engine).get_table_names():
            flask_migrate.upgrade(revision="heads")
        number = copying.copy(
            source_url,
            make_url(direct) if direct else db.engine.url,
            say=click.echo,
            is_trial=dry_run,
            left_out=leave_out,
        )
    except CannotCopy as error:
        raise click.ClickException(str(error)) from None
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", error)).partition("\n")[0]
        raise click.ClickException(f"The target refuses: {reason}") from None
    if dry_run:
        click.echo(f"{number:,} rows can be copied. Nothing was copied.")
        return
    click.echo(
        f"Copied {number:,} rows. Their numbers and contents are the same in both databases."
    )


commands = [copy_database]
