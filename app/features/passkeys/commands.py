"""A command for operators who help a user that is locked out."""

import click
from flask.cli import with_appcontext

from app.features.passkeys import services
from app.models import User
from app.services.own_account import UserGone


@click.command("reset_passkeys")
@click.argument("email")
@with_appcontext
def reset_passkeys(email: str) -> None:
    """Remove the passkeys of the user with EMAIL, who has lost them."""
    user = User.by_email(email)
    if user is None:
        raise click.ClickException(f"No user has the email {email}.")
    try:
        services.reset(user, by=None)
    except services.NoPasskeys:
        raise click.ClickException(f"{email} has no passkey.") from None
    except UserGone:
        raise click.ClickException(f"Restore the account of {email} first.") from None
    click.echo(f"The passkeys of {email} are removed, and their sessions are ended.")


commands = [reset_passkeys]
