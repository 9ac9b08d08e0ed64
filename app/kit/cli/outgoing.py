"""The commands that hold outgoing messages, and release them."""

import click
from flask.cli import with_appcontext

from app.kit import outgoing
from app.kit.mail import held  # noqa: F401 - mails register themselves


@click.group("mail")
def mail() -> None:
    """Hold outgoing messages, and release them after a restore."""


@mail.command("status")
@with_appcontext
def status() -> None:
    """Say whether outgoing messages are held, and how many wait."""
    found = outgoing.current_hold()
    if found is None:
        click.echo(f"Nothing is held. Waiting: {_listed(outgoing.waiting())}.")
        return
    click.echo(f"Held since {found.since:%Y-%m-%d %H:%M} UTC: {found.reason}")
    click.echo(f"Waiting: {_listed(outgoing.waiting())}.")


@mail.command("hold")
@click.option("--reason", default="An operator holds it.", help="Shown on the pages of mails.")
@with_appcontext
def hold(reason: str) -> None:
    """Send no mail and no other message from now on."""
    is_new = outgoing.hold(reason)
    click.echo("Nothing goes out from now on." if is_new else "It is held already.")


@mail.command("release")
@click.option(
    "--cancel-older",
    is_flag=True,
    help="Cancel what waited before the hold. The original of this copy may have sent it.",
)
@click.option("--yes", is_flag=True, help="Do not ask first.")
@with_appcontext
def release(*, cancel_older: bool, yes: bool) -> None:
    """Send outgoing messages again, to real people."""
    found = outgoing.current_hold()
    if found is None:
        click.echo("Nothing is held.")
        return
    click.echo(f"Held since {found.since:%Y-%m-%d %H:%M} UTC: {found.reason}")
    click.echo(f"Waiting: {_listed(outgoing.waiting())}.")
    if not yes:
        question = "Cancel what is older than the hold, and send the rest?"
        click.confirm(question if cancel_older else "Send all of it to real people?", abort=True)
    cancelled = outgoing.release(cancel_older=cancel_older)
    if cancelled:
        click.echo(f"Cancelled: {_listed(cancelled)}.")
    click.echo("Released. A worker sends what waits.")


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {nouns}" for nouns, count in counts.items())


commands = [mail]
