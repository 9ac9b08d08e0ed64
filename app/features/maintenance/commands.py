"""The command that closes the site and opens it again."""

from __future__ import annotations

from datetime import timedelta

import click
from flask.cli import with_appcontext
from sqlalchemy.exc import SQLAlchemyError

from app.features.maintenance import site_mode
from app.features.maintenance.models import MESSAGE_LENGTH, SiteMode, SiteState
from app.kit.database import now
from app.kit.user_input import visible

WORDS = {"on": SiteMode.CLOSED, "read-only": SiteMode.READ_ONLY, "off": SiteMode.OFF}
SAID = {
    SiteMode.OFF: "The site is open.",
    SiteMode.READ_ONLY: "The site is read-only.",
    SiteMode.CLOSED: "The site is closed. Only administrators get in.",
}


@click.command("maintenance")
@click.argument("mode", type=click.Choice(list(WORDS)), required=False)
@click.option("--message", default="", help="A text for visitors, such as the reason.")
@click.option(
    "--minutes", type=click.IntRange(1, 7 * 24 * 60), help="How long it is expected to take."
)
@with_appcontext
def maintenance(mode: str | None, message: str, minutes: int | None) -> None:
    """Close the site (on), make it read-only, or open it again (off). Without a mode, say which.

    Every web process follows within a second, and requests under way go on to their end. Workers
    start no new job.
    """
    if visible(message, "\n") != message or len(message) > MESSAGE_LENGTH:
        raise click.ClickException(f"Use a plain message of at most {MESSAGE_LENGTH} characters.")
    try:
        if mode is not None:
            until = now() + timedelta(minutes=minutes) if minutes else None
            site_mode.change(SiteState(WORDS[mode], message, until), by=None)
        state = site_mode.stored()
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", error)).partition("\n")[0]
        raise click.ClickException(f"The database does not answer: {reason}") from None
    click.echo(SAID[state.mode])
    if state.until:
        click.echo(f"Expected end: {state.until:%Y-%m-%d %H:%M} UTC.")
    if state.message:
        click.echo(f"Visitors read: {state.message}")


commands = [maintenance]
