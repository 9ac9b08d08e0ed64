"""The command that writes a feature."""

from typing import Any

import click
from flask.cli import with_appcontext

from app.kit.generator import checking, fields, plan, writing
from app.kit.generator.refusal import Refused

HELP = f"""Write a feature: table, pages, permission, mail, task and tests.

NAME is the plural of its rows, and FIELDS are as in name:str owner:user "due_on:date?". A question
mark makes a field optional. Types: {fields.types()}.
"""


@click.command("new", help=HELP)
@click.argument("name")
@click.argument("texts", nargs=-1, metavar="FIELDS...")
@click.option("--admin", is_flag=True, help="Pages for administrators, with a permission.")
@click.option("--account", is_flag=True, help="Pages on which members manage their own rows.")
@click.option("--api", is_flag=True, help="Operations of the API, for programs.")
@click.option("--singular", default="", help="The word for one row, if it is irregular.")
@click.option("--icon", default="folder", show_default=True, help="One of Bootstrap Icons.")
@with_appcontext
def new(name: str, texts: tuple[str, ...], **options: Any) -> None:
    try:
        planned = plan.make(name, texts, **options)
        checking.check(planned)
        changed = writing.write(planned)
    except Refused as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"Wrote app/features/{name}.")
    click.echo(f"Changed {', '.join(changed)}.")
    click.echo("\nNext:")
    click.echo("- Make its table: python manage.py db upgrade (its pages and task fail until then)")
    areas = [area for area in ("admin", "account") if getattr(planned, area)]
    if areas:
        pages = " and ".join(f"/{area}/{planned.name}" for area in areas)
        click.echo(f"- Open its pages while `make run` runs: {pages}")
    click.echo(f"- Try its tests: python manage.py test app/features/{name}")
    click.echo(f"- Read app/features/{name}/README.md, and shape the code.")
    click.echo(f'- Commit it: git add --all && git commit --message "Add {planned.many}"')


commands = [new]
