"""What templates can use of this application: permissions, registration, names of users."""

from typing import Any

from flask import Flask

from app.kit import names
from app.kit.web import templating
from app.models import Permission
from app.services import registration


def init_app(app: Flask) -> None:
    """Add the globals and filters below, and those of the kit, to the app's templates."""
    templating.init_app(app)
    app.jinja_env.globals.update(Permission=Permission, registration=registration.mode)
    app.jinja_env.filters.update(initials=initials, full_name=full_name)


def initials(person: Any) -> str:
    """Return the letters that stand for a person: of their name, else of their address."""
    return names.initials(person.first_name, person.last_name, person.email)


def full_name(person: Any) -> str:
    """Return what a person is called, who may be a row of a query; "" leaves it to the address."""
    return names.full_name(person.first_name, person.last_name)
