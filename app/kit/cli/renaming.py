"""The commands that rename the product, and take its waiting jobs along."""

from __future__ import annotations

import difflib
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from flask import current_app
from flask.cli import with_appcontext
from redis.exceptions import RedisError

from app.kit import queue, renaming
from app.kit.features import checkout
from app.kit.features.checkout import CommandRefused
from app.kit.queue import moving
from settings import product
from settings.reader import BASE_DIR, environment

COLOURS = {"+": "green", "-": "red", "@": "cyan"}


@click.command("rename")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask first.")
@with_appcontext
def rename(name: str, yes: bool) -> None:
    """Give the product another name: on pages, in mails, for package, image, queue and README."""
    former = current_app.config["QUEUE_PREFIX"]
    try:
        name = renaming.checked(name)
        checkout.ensure_clean()
    except (renaming.NameRefused, CommandRefused) as error:
        raise click.ClickException(str(error)) from None
    lines = list(_difference(name))
    if not lines:
        raise click.ClickException(f"The product is called {name} already.")
    for line in lines:
        click.secho(line, fg=COLOURS.get(line[:1]))
    if not yes:
        click.confirm(f"Rename {product.name()} to {name}?", abort=True)
    changed = renaming.rename_tree(BASE_DIR, name)
    click.echo(f"Changed {', '.join(map(str, changed))}.")
    click.echo("\nNext:")
    for step in _steps(former, name):
        click.echo(f"- {step}")


def _difference(name: str) -> Iterator[str]:
    """Yield the lines of the difference that the new name makes. Nothing is written."""
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for place in renaming.PLACES:
            if (BASE_DIR / place).is_file():
                (folder / place).parent.mkdir(exist_ok=True)
                shutil.copy(BASE_DIR / place, folder / place)
        for path in renaming.rename_tree(folder, name):
            before, after = (
                (root / path).read_text("utf-8").splitlines() for root in (BASE_DIR, folder)
            )
            yield from difflib.unified_diff(before, after, f"a/{path}", f"b/{path}", lineterm="")


def _steps(former: str, name: str) -> Iterator[str]:
    """Yield what is left to do by hand."""
    if "APP_NAME" in environment():
        yield "APP_NAME is set in .env or the environment, and wins. Remove it there."
    if "QUEUE_PREFIX" not in environment() and former != product.slug(name):
        yield from _jobs(former)
    yield (
        "The database of development keeps its first administrator. `python manage.py setup_dev` "
        f"adds {product.slug(name)}-admin@example.com."
    )
    yield "Look at the change (`git diff`), run `make check` and `make test`, and commit."


def _jobs(former: str) -> Iterator[str]:
    command = f"python manage.py move_jobs {former}"
    try:
        waiting = moving.waiting(former) if queue.is_configured() else 0
    except RedisError:
        yield f"Redis does not answer here. If jobs wait in it, start it and run `{command}`."
    else:
        if waiting:
            yield f"{waiting} jobs stay on the queue of the former name here. Run `{command}`."
    yield (
        f"On a server, jobs that wait stay on the queue of the former name. After the deployment, "
        f"run `{command}` there. Mails wait in the database, and need nothing."
    )
    yield (
        f"Files and keys that begin with {former}, such as archives, are no longer looked at. "
        f"QUEUE_PREFIX={former} on a server keeps them and the queue in use."
    )


@click.command("move_jobs")
@click.argument("former")
@with_appcontext
def move_jobs(former: str) -> None:
    """Take along jobs that wait under the FORMER name of the product, or prefix of its queue."""
    try:
        moved = moving.move(product.slug(former))
    except RedisError as error:
        sys.exit(f"Redis does not answer: {error}")
    click.echo(f"Moved {moved} jobs.")


commands = [rename, move_jobs]
