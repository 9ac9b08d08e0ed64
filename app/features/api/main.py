"""Put the API into the application, and show how programs use it."""

from flask import Flask, abort, current_app, render_template
from flask.typing import ResponseReturnValue

from app.features.api import reference
from app.features.api.blueprint import api
from app.features.api.resources import me, openapi, roles, tokens, user_access, users
from app.features.api.web import access, cors, description, problems
from app.main import main

# Importing a resource registers it.
__all__ = ["me", "openapi", "roles", "tokens", "user_access", "users"]


def init_app(app: Flask) -> None:
    """Register the API. Every feature has added its resources by then."""
    problems.init_app(app, api.name)
    cors.init_app(app)
    description.init_app(app, api)
    access.check(app)


@main.get("/api/docs")
def api_docs() -> ResponseReturnValue:
    """Show how to call the API, and the groups of its operations."""
    groups = reference.groups(description.of(current_app))
    return render_template("main/api_docs.html", groups=groups, problems=problems.known())


@main.get("/api/docs/<string:group>")
def api_docs_group(group: str) -> ResponseReturnValue:
    """Show the operations on one kind of thing."""
    groups = reference.groups(description.of(current_app))
    found = next((one for one in groups if one.slug == group), None)
    if found is None:
        abort(404)
    return render_template("main/api_docs_group.html", groups=groups, group=found)
