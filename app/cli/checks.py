"""Looking for what is wrong with an installation."""

import click
from flask.cli import with_appcontext

from app.services import health


@click.command("doctor")
@click.option("--deploy", is_flag=True, help="Also check that the settings are fit for the public.")
@with_appcontext
def doctor(deploy: bool) -> None:
    """Check the database, Redis, mail and settings; exit with 1 if something is wrong."""
    checks = list(health.checks(deploy=deploy))
    problems = [check for check in checks if not check.ok]
    for number, check in enumerate(problems, start=1):
        click.echo(f"{number}. {check.name}: {check.problem}\n   {check.hint}")
    if problems:
        raise SystemExit(1)
    click.echo(f"All {len(checks)} checks passed.")


commands = [doctor]
