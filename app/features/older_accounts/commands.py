"""The command that takes over accounts of flask-base."""

import csv
from pathlib import Path

import click
from flask.cli import with_appcontext

from app.features.older_accounts import roles, source, users
from app.features.older_accounts.report import TakeOverReport
from app.features.older_accounts.tables import TABLES


@click.command("import_flask_base")
@click.argument("source_url", envvar="FLASK_BASE_DATABASE_URL")
@click.option("--dry-run", is_flag=True, help="Say what would happen, and change nothing.")
@click.option(
    "--ids",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="Write the old and the new id of each user and role to this CSV file.",
)
@with_appcontext
def import_flask_base(source_url: str, dry_run: bool, ids: Path | None) -> None:
    """Import users, roles and password hashes of the flask-base database at SOURCE_URL.

    The variable FLASK_BASE_DATABASE_URL may hold SOURCE_URL, so that its password is in no list
    of processes. Users who have an account here stay as they are, so it is safe to run twice.
    """
    report = TakeOverReport(click.echo, is_trial=dry_run)
    try:
        with source.opened(source_url) as old:
            take_over(old, report)
    except source.UnknownSource as error:
        raise click.ClickException(str(error)) from None
    if ids and not dry_run:
        with ids.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("table", "old_id", "new_id"), *report.ids])
    counted = ", ".join(f"{count} {what}" for what, count in sorted(report.counts.items()))
    click.echo(f"{'Nothing was changed. ' if dry_run else ''}{counted or 'There are no rows'}.")


def take_over(old: source.OldDatabase, report: TakeOverReport) -> None:
    """Take over roles, then users, then the tables of other features."""
    found = roles.take_over(old.rows("roles", source.COLUMNS["roles"]), report)
    report.ids += [("roles", old_id, role.id) for old_id, role in found.items() if role.id]
    users.take_over(old.rows("users", source.COLUMNS["users"]), found, report)
    read = dict(source.COLUMNS)
    for name, table in TABLES.items():
        if set(table.columns) <= old.columns.get(name, set()):
            read[name] = ("id", *table.columns)
            table.take_over(old.rows(name, table.columns), report)
    if left_out := old.left_out(read):
        report.tell(f"Not read: {', '.join(left_out)}.")


commands = [import_flask_base]
