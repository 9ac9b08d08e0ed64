"""The commands of manage.py that need the app. Each parses its arguments and calls a service.

`db` comes from Flask-Migrate, and the names in `shell` come from Flask-SQLAlchemy.
"""

from flask import Flask

from app.cli import assets, database, features, people
from app.kit.queue import commands as worker


def init_app(app: Flask) -> None:
    for module in (assets, database, features, people, worker):
        for command in module.commands:
            app.cli.add_command(command)
