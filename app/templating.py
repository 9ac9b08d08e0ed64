"""Globals and filters for templates: permissions, registration and names of users."""

from typing import Any

from flask import Flask

from app.kit import names
from app.kit.web import templating
from app.models import Permission
from app.services import register


def init_app(app: Flask) -> None:
    """Add the globals and filters below, and those of the kit, to the app's templates."""
    templating.init_app(app)
    app.jinja_env.globals.update(Permission=Permission, registration=register.mode)
    app.jinja_env.filters.update(full_name=full_name)


def full_name(person: Any) -> str:
    """Return the full name of a user or a row of a query, or "" if only the email is known."""
    return names.full_name(person.first_name, person.last_name)
