"""The command that builds styles, scripts and icons."""

import click
from flask import current_app
from flask.cli import with_appcontext
from jinja2 import TemplateSyntaxError

from app.kit import assets, compiled_templates
from app.kit.mail import templates


@click.command("build_assets")
@with_appcontext
def build_assets() -> None:
    """Build styles, scripts and icons, with hashed names and compressed, and compile templates."""
    assets.build(current_app)
    try:
        compiled_templates.write(current_app.jinja_env, templates.environment())
    except TemplateSyntaxError as error:
        place = f"{error.filename or error.name}, line {error.lineno}"
        raise click.ClickException(f"{place}: {error.message}") from None
    except OSError as error:
        click.echo(f"Each process compiles the templates itself: {error}", err=True)


commands = [build_assets]
