"""The commands that list, add and remove features, and write their settings to `.env.example`."""

from pathlib import Path

import click
from flask import current_app
from flask.cli import with_appcontext

from app.kit.features import FOLDER, adding, removal
from app.kit.features.checkout import CommandRefused, Report
from settings import example
from settings.manifests import Manifest

HEADINGS = ("NAME", "STATE", "LINES", "TITLE", "TABLES", "REQUIRES", "REQUIRED BY")


@click.group("features", invoke_without_command=True)
@click.pass_context
def features(context: click.Context) -> None:
    """List the features, add or remove one, and write their settings to .env.example.

    Without a command, this lists them.
    """
    if context.invoked_subcommand is None:
        context.invoke(list_features)


@features.command("list")
@click.option("--removable", is_flag=True, help="Only the names of those that nothing requires.")
@with_appcontext
def list_features(removable: bool) -> None:
    """List the features. A feature can be removed while no other feature requires it."""
    found = current_app.config["FEATURES"]
    if removable:
        for name in sorted(found):
            if not removal.required_by(name):
                click.echo(name)
        return
    rows = [HEADINGS, *(_row(found[name]) for name in sorted(found))]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


def _row(feature: Manifest) -> tuple[str, ...]:
    files = (FOLDER / feature.name).rglob("*.py")
    code = (path for path in files if not {"tests", "migrations"} & set(path.parts))
    lines = sum(len(path.read_text(encoding="utf-8").splitlines()) for path in code)
    many = (feature.tables, feature.requires, removal.required_by(feature.name))
    lists = (", ".join(names) or "-" for names in many)
    return (feature.name, "off" if feature.off else "on", str(lines), feature.title, *lists)


@features.command("remove")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask first.")
@with_appcontext
def remove(name: str, yes: bool) -> None:
    """Take a feature out of this clone: its tables and rows, its folder, its settings."""
    try:
        removal.check(name)
        feature = removal.find(name)
        if not yes:
            rows = f" Its tables ({', '.join(feature.tables)}) lose their rows for good."
            drops = feature.tables and removal.revisions(name)
            question = f"Remove {name} ({feature.title})?{rows if drops else ''}"
            click.confirm(question, abort=True)
        report = removal.remove(name)
    except CommandRefused as error:
        raise click.ClickException(str(error)) from None
    _tell(report)


@features.command("add")
@click.argument("path", type=click.Path(path_type=Path))
@with_appcontext
def add(path: Path) -> None:
    """Copy the feature in the folder PATH, such as examples/blog, into this clone."""
    try:
        report = adding.add(path)
    except CommandRefused as error:
        raise click.ClickException(str(error)) from None
    _tell(report)


def _tell(report: Report) -> None:
    for line in report.done:
        click.echo(line)
    click.echo("\nNext:")
    for line in report.left:
        click.echo(f"- {line}")


@features.command("env")
@with_appcontext
def write_env() -> None:
    """Write the settings of features to .env.example."""
    text = example.PATH.read_text(encoding="utf-8")
    example.PATH.write_text(example.written(text, current_app.config["FEATURES"]), encoding="utf-8")


commands = [features]
