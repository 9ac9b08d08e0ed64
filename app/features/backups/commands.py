"""The commands that back up, list, verify and restore."""

from __future__ import annotations

from pathlib import Path

import click
from flask import current_app
from flask.cli import with_appcontext

from app.features.backups import age_keys, archive_names, databases, making, places, restoring
from app.features.backups.errors import BackupRefused
from app.features.backups.places import BackupPlace

TO = click.option("--to", "to", default="", help="A folder or s3://BUCKET/PREFIX, not BACKUP_TO.")
FROM = click.option("--from", "to", default="", help="Where the backup is, if not in BACKUP_TO.")
IDENTITY = click.option(
    "--identity",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file with the secret key of an encrypted backup.",
)


@click.command("backup")
@TO
@with_appcontext
def backup(to: str) -> None:
    """Back up the database and the files."""
    try:
        # Backups in a place that was named by hand are looked after by hand.
        made = making.make(_place(to), prune=not to)
    except BackupRefused as error:
        raise click.ClickException(str(error)) from None
    manifest = made.manifest
    click.echo(f"Made {made.name} ({_size(made.size)}).")
    click.echo(f"{sum(manifest.rows.values()):,} rows of {len(manifest.rows)} tables.")
    click.echo(f"{manifest.files.count:,} files ({_size(manifest.files.size)}).")
    if manifest.missing_files:
        click.echo(f"Rows whose file the storage does not have: {manifest.missing_files:,}.")
    if not current_app.config["BACKUP_RECIPIENTS"]:
        click.echo(
            "The backup is not encrypted. `python manage.py make_backup_key` makes a key for that."
        )
    for name in made.deleted:
        click.echo(f"Deleted {name}.")


@click.command("list_backups")
@TO
@with_appcontext
def list_backups(to: str) -> None:
    """List the backups of this application, oldest first."""
    try:
        place = _place(to)
        found = archive_names.of_app(place.names(), making.app_name())
        for one in found:
            click.echo(f"{one.at:%Y-%m-%d %H:%M} UTC  {_size(place.size(one.text)):>9}  {one.text}")
    except BackupRefused as error:
        raise click.ClickException(str(error)) from None
    if not found:
        click.echo(f"There is no backup of {making.app_name()} yet.")


@click.command("verify_backup")
@click.argument("archive")
@FROM
@IDENTITY
@with_appcontext
def verify_backup(archive: str, to: str, identity: Path | None) -> None:
    """Read a whole ARCHIVE, and compare it with its checksums: a path, a name, or `latest`."""
    try:
        with restoring.opened(archive, _place_or_none(to), identity) as (name, reader):
            manifest = reader.verify()
    except BackupRefused as error:
        raise click.ClickException(str(error)) from None
    rows = sum(manifest.rows.values())
    click.echo(f"{name} is whole: {rows:,} rows, {manifest.files.count:,} files.")
    click.echo(f"Made {manifest.time:%Y-%m-%d %H:%M} UTC of {manifest.app} {manifest.version}.")


@click.command("make_backup_key")
def make_backup_key() -> None:
    """Make a pair of keys. The secret one is shown once, and belongs on another machine."""
    secret, public = age_keys.make_pair()
    click.echo(f"# Keep this file away from the server. It opens the backups.\n{secret}")
    click.echo(f"Set in the environment: BACKUP_RECIPIENTS={public}", err=True)


@click.command("restore")
@click.argument("archive")
@FROM
@IDENTITY
@click.option("--replace", is_flag=True, help="Delete everything in the database first.")
@click.option("--yes", is_flag=True, help="Ask nothing.")
@with_appcontext
def restore(archive: str, to: str, identity: Path | None, *, replace: bool, yes: bool) -> None:
    """Restore an ARCHIVE, a path, a name, or `latest`, and hold outgoing messages."""
    try:
        with restoring.opened(archive, _place_or_none(to), identity) as (name, reader):
            manifest = restoring.check(reader, replace=replace)
            target = databases.copier().describe()
            click.echo(f"{name} is whole, made {manifest.time:%Y-%m-%d %H:%M} UTC.")
            if not restoring.is_of_this_app(manifest):
                click.echo(f"It is a backup of {manifest.app}, and this is {making.app_name()}.")
                if not yes:
                    click.confirm("Restore it all the same?", abort=True)
            if replace and not yes:
                click.confirm(f"Replace everything in {target}?", abort=True)
            report = restoring.restore(name, reader, manifest, replace=replace)
    except BackupRefused as error:
        raise click.ClickException(f"{error} The database is as it was.") from None
    rows, tables = sum(manifest.rows.values()), len(manifest.rows)
    click.echo(f"Restored {rows:,} rows of {tables} tables into {target}, counted and compared.")
    click.echo(f"Files: {report.new_files:,} stored, {report.same_files:,} were there already.")
    if manifest.missing_files:
        click.echo(f"Files that were missing when it was made: {manifest.missing_files:,}.")
    if not restoring.is_of_this_key(manifest):
        click.echo(
            "SECRET_KEY is not that of the backup. Put the former one into SECRET_KEY_FALLBACKS, "
            "or second factors and other secrets cannot be read."
        )
    click.echo("Everybody is signed out. Passwords and API tokens are those of the backup.")
    click.echo("Outgoing messages are held. Next:")
    click.echo("  python manage.py db upgrade     # the backup may be older than the code")
    click.echo("  python manage.py mail status    # what waits")
    click.echo("  python manage.py mail release   # once this copy may write to real people")


def _place(text: str) -> BackupPlace:
    return places.place(text or current_app.config["BACKUP_TO"])


def _place_or_none(text: str) -> BackupPlace | None:
    return _place(text) if text or current_app.config["BACKUP_TO"] else None


def _size(count: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            break
        count /= 1000
    return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"


commands = [backup, list_backups, verify_backup, make_backup_key, restore]
