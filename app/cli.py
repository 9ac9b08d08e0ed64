"""The commands that add roles and the first administrator."""

import click
import flask_migrate
from flask import Flask, current_app
from flask.cli import with_appcontext

from app.kit import cli
from app.kit.cli.database import (
    quiet_if_new,
    refuse_in_production,
    refuse_unless_chosen,
    upgrade_unless_ahead,
)
from app.kit.passwords import WeakPassword
from app.kit.web.links import external_url
from app.services import policy, roles, users


def init_app(app: Flask) -> None:
    """Add the commands below, and those of the kit."""
    cli.init_app(app)
    for command in (release, setup_dev, setup_prod):
        app.cli.add_command(command)


@click.command("release")
@with_appcontext
def release() -> None:
    """Bring a deployed database up to date: migrate it and add the roles that it lacks."""
    refuse_unless_chosen()
    upgrade_unless_ahead()
    roles.insert()


@click.command("setup_dev")
@with_appcontext
def setup_dev() -> None:
    """Migrate, add the roles and an administrator to develop with, and say how to sign in."""
    refuse_in_production()
    email, password = current_app.config["ADMIN_EMAIL"], current_app.config["ADMIN_PASSWORD"]
    with quiet_if_new():
        flask_migrate.upgrade(revision="heads")
        roles.insert()
        user, _ = users.create_administrator(
            email=email, password=password, enforce_password_rule=False
        )
    known = f"the password {password!r}" if user.verify_password(password) else "your password"
    click.echo(f"Sign in at {external_url('account.login')} as {user.email} with {known}.")


@click.command("setup_prod")
@with_appcontext
def setup_prod() -> None:
    """Add the roles and, from ADMIN_EMAIL and ADMIN_PASSWORD, the first administrator.

    Running it again changes no user, so a changed password stays.
    """
    refuse_unless_chosen()
    roles.insert()
    try:
        user, created = users.create_administrator(
            email=current_app.config["ADMIN_EMAIL"], password=current_app.config["ADMIN_PASSWORD"]
        )
    except WeakPassword as error:
        raise click.ClickException(f"ADMIN_PASSWORD: {error}") from None
    if created:
        click.echo(f"{user.email} is an administrator and can sign in.")
        return
    if user.is_admin() and user.is_active:
        click.echo(f"{user.email} is an administrator already.")
        return
    if user.is_active:
        problem = f"{user.email} has an account that is no administrator's."
    else:
        problem = f"{user.email} has an account that is {user.status}."
    if policy.has_administrator():  # Another administrator exists, so the deployment continues.
        click.echo(f"{problem} Someone else administers the app.")
        return
    raise click.ClickException(
        f"{problem} Nobody who can sign in administers the app: set ADMIN_EMAIL to another address."
    )
