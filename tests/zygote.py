"""Modules that the forkserver of tests/processes.py imports before it forks programs."""

import gc

from sqlalchemy.orm import configure_mappers

import manage  # noqa: F401 - each program would import it
from app import create_app  # noqa: F401
from tests import compiled_templates, url_builders

compiled_templates.share()
url_builders.postpone()
configure_mappers()
gc.freeze()
