"""The command that diagnoses an installation."""

import click
from flask.cli import with_appcontext

from app.features import health
from app.features.health.services.check import Check
from settings import kit_record


@click.command("doctor")
@click.option("--deploy", is_flag=True, help="Also check that the settings are fit for the public.")
@with_appcontext
def doctor(deploy: bool) -> None:
    """Check the database, Redis, the worker, mail and settings; exit with 1 if something is wrong.

    Problems are numbered, each with a hint. It takes ten seconds at most, whatever hangs.
    """
    checks = health.checks(deploy=deploy)
    click.echo(f"This is {kit_record.read().sentence()}.")
    problems = [check for check in checks if check.problem]
    if not problems:
        _show_all(checks)
        click.echo(f"All {len(checks)} checks passed.")
        return
    for number, check in enumerate(problems, start=1):
        click.echo(f"{number}. {check.name}: {check.problem}\n   {check.hint}")
    for missing in dict.fromkeys(check.waits_for for check in checks if check.waits_for):
        waiting = ", ".join(check.name for check in checks if check.waits_for == missing)
        click.echo(f"Not checked, because the {missing} check failed: {waiting}.")
    passed = sum(check.ok for check in checks)
    click.echo(f"{passed} of {len(checks)} checks passed.")
    raise SystemExit(1)


def _show_all(checks: list[Check]) -> None:
    width = max(len(check.name) for check in checks)
    for check in checks:
        click.echo(f"{check.name:{width}}  {check.word}")


commands = [doctor]
