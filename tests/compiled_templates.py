"""Compile each template once for all processes of a test run, which share a folder."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

from flask import Flask

from app.kit.compiled_templates import CompiledTemplates

# The processes of pytest-xdist and the forkserver inherit the name of the folder.
VARIABLE = "COMPILED_TEMPLATES_OF_TESTS"


def share() -> None:
    """Keep what apps of this process compile in the folder of the run, which is made if needed."""
    if VARIABLE not in os.environ:
        os.environ[VARIABLE] = tempfile.mkdtemp(prefix="compiled-templates-")
        atexit.register(_remove, os.environ[VARIABLE], os.getpid())
    Flask.jinja_options = {
        "bytecode_cache": CompiledTemplates(Path(os.environ[VARIABLE]), may_write=True)
    }


def _remove(folder: str, owner: int) -> None:
    if os.getpid() == owner:  # and not a process that a test has forked
        shutil.rmtree(folder, ignore_errors=True)
