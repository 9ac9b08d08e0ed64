"""The command that builds styles, scripts and icons."""

import click
from flask import current_app
from flask.cli import with_appcontext

from app.kit import assets, compiled_templates
from app.kit.mail import templates


@click.command("build_assets")
@with_appcontext
def build_assets() -> None:
    """Build styles, scripts and icons, with hashed names and compressed, and compile templates."""
    assets.build(current_app)
    compiled_templates.write(current_app.jinja_env, templates.environment())


commands = [build_assets]
