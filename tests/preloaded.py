"""Modules that the forkserver of tests/processes.py imports before it forks programs."""

import gc

from sqlalchemy.orm import configure_mappers

import manage  # noqa: F401 - each program would import it
from app import create_app  # noqa: F401
from tests import compiled_templates

compiled_templates.share()
configure_mappers()
gc.freeze()
