"""Commands for operators: reset a second factor, and require one for a role."""

import click
from flask.cli import with_appcontext
from sqlalchemy import select

from app.extensions import db
from app.features.two_factor import services
from app.features.two_factor.codes import NotEnabled
from app.models import Role, User
from app.services.own_account import UserGone


@click.command("reset_two_factor")
@click.argument("email")
@with_appcontext
def reset_two_factor(email: str) -> None:
    """Reset the second factor of the user with EMAIL, who has lost it."""
    user = User.by_email(email)
    if user is None:
        raise click.ClickException(f"No user has the email {email}.")
    try:
        services.reset(user, by=None)
    except NotEnabled:
        raise click.ClickException(f"{email} has no second factor.") from None
    except UserGone:
        raise click.ClickException(f"Restore the account of {email} first.") from None
    click.echo(f"The second factor of {email} is reset, and their sessions are ended.")


@click.command("demand_two_factor")
@click.argument("role_name", metavar="ROLE")
@click.option("--stop", is_flag=True, help="No longer require it.")
@with_appcontext
def demand_two_factor(role_name: str, *, stop: bool) -> None:
    """Require two-factor authentication of all users with ROLE."""
    role = db.session.scalar(select(Role).where(Role.name == role_name))
    if role is None:
        raise click.ClickException(f"There is no role {role_name}.")
    services.demand(role, is_demanded=not stop, by=None)
    verb = "no longer requires" if stop else "requires"
    click.echo(f"The role {role.name} {verb} two-factor authentication.")


commands = [reset_two_factor, demand_two_factor]
