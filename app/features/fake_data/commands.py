"""The command that adds fake users to a development database."""

import time

import click
from flask.cli import with_appcontext

from app.kit.cli.database import refuse_in_production


@click.command("add_fake_data")
@click.option(
    "-n",
    "--number-users",
    default=10,
    show_default=True,
    type=click.IntRange(min=0),
    help="How many people to add.",
)
@click.option("--with-administrators", is_flag=True, help="Let some of them be administrators.")
@click.option("--seed", type=int, help="Make the same people each time for the same number.")
@with_appcontext
def add_fake_data(number_users: int, with_administrators: bool, seed: int | None) -> None:
    """Add made-up people, who cannot sign in. Refused in production."""
    from app.features.fake_data import fake_data  # Faker is slow to import

    refuse_in_production()
    started = time.monotonic()
    with click.progressbar(length=number_users, label="Adding people") as bar:
        fake_data.add_users(
            number_users,
            seed=seed,
            with_administrators=with_administrators,
            on_progress=lambda done, _total: bar.update(done - bar.pos),
        )
    click.echo(f"Added {number_users:,} people in {time.monotonic() - started:.1f} s.")


commands = [add_fake_data]
