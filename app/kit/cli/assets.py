"""The command that builds styles, scripts and icons."""

import click
from flask import current_app
from flask.cli import with_appcontext

from app.kit import assets


@click.command("build_assets")
@with_appcontext
def build_assets() -> None:
    """Build styles, scripts and icons, with hashed names and compressed."""
    assets.build(current_app)


commands = [build_assets]
