"""Put the API into the application. Every feature has added its resources by then."""

from flask import Flask

from app.features.api.blueprint import api
from app.features.api.resources import me, openapi, roles, tokens, user_access, users
from app.features.api.web import access, cors, description, problems

# Importing a resource registers it.
__all__ = ["me", "openapi", "roles", "tokens", "user_access", "users"]


def init_app(app: Flask) -> None:
    problems.init_app(app, api.name)
    cors.init_app(app)
    description.init_app(app, api)
    access.check(app)
