"""The commands of manage.py that work on the application; each parses and calls a service."""

from flask import Flask

from app import models
from app.cli import assets, checks, database, people, worker
from app.extensions import db


def init_app(app: Flask) -> None:
    """Add the commands to those of Flask-Migrate (`db`), and what `shell` starts with."""
    for module in (assets, checks, database, people, worker):
        for command in module.commands:
            app.cli.add_command(command)
    app.shell_context_processor(shell_names)


def shell_names() -> dict[str, object]:
    return {"db": db, **{name: getattr(models, name) for name in models.__all__}}
