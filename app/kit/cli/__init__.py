"""The commands of manage.py that know no user: `db` comes from Flask-Migrate."""

from flask import Flask

from app.kit.cli import assets, database, features, new, outgoing, renaming
from app.kit.queue import commands as worker


def init_app(app: Flask) -> None:
    for module in (assets, database, features, new, outgoing, renaming, worker):
        for command in module.commands:
            app.cli.add_command(command)
