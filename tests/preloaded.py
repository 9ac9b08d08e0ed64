"""Modules that the forkserver of tests/processes.py imports before it forks programs."""

import gc
from contextlib import suppress
from importlib.metadata import entry_points

from sqlalchemy.orm import configure_mappers

import manage  # noqa: F401 - each program would import it
from app import create_app  # noqa: F401
from tests import compiled_templates

with suppress(ImportError):  # The limits of an app look for it.
    import valkey  # noqa: F401
for plugin in entry_points(group="flask.commands"):
    plugin.load()
compiled_templates.share()
configure_mappers()
gc.freeze()
