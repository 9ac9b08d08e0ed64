"""The command that fills the blog with made-up posts."""

import click
from flask.cli import with_appcontext

from app.kit.cli.database import refuse_in_production


@click.command("add_fake_posts")
@click.option("-n", "--number", default=100, show_default=True, type=click.IntRange(min=0))
@click.option("--seed", type=int, help="Make the same posts each time for the same users.")
@with_appcontext
def add_fake_posts(number: int, seed: int | None) -> None:
    """Add made-up posts, comments and followers of present users. Refused in production."""
    from app.features.blog import fake_posts  # Faker is slow to import

    refuse_in_production()
    added = fake_posts.add(number, seed=seed)
    click.echo(f"Added {added:,} posts with comments and followers.")


commands = [add_fake_posts]
