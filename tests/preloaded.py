"""Modules that the forkserver of tests/processes.py imports before it forks programs."""

import gc
from importlib.metadata import entry_points

import valkey  # noqa: F401 - the limits of an app look for it
from sqlalchemy.orm import configure_mappers

import manage  # noqa: F401 - each program would import it
from app import create_app  # noqa: F401
from tests import compiled_templates

for plugin in entry_points(group="flask.commands"):
    plugin.load()
compiled_templates.share()
configure_mappers()
gc.freeze()
