"""Compile each template once for all processes of a test run, which share a folder."""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

# The processes of pytest-xdist and the forkserver inherit the name of the folder.
VARIABLE = "COMPILED_TEMPLATES_OF_TESTS"


def make_folder() -> Callable[[], None]:
    """Make the folder of a run, unless it has one, and return a function that removes it."""
    if VARIABLE in os.environ:
        return lambda: None
    os.environ[VARIABLE] = tempfile.mkdtemp(prefix=f"compiled-templates-{os.getpid()}-")
    return _remove


def _remove() -> None:
    shutil.rmtree(os.environ.pop(VARIABLE), ignore_errors=True)


def share() -> None:
    """Keep what apps of this process compile in the folder of the run, if it has one."""
    if VARIABLE not in os.environ:  # as in a program of a test, with variables of its own
        return
    # Not above, because the process that shares out the tests makes the folder (conftest.py).
    from flask import Flask

    from app.kit.compiled_templates import CompiledTemplates

    Flask.jinja_options = {
        "bytecode_cache": CompiledTemplates(Path(os.environ[VARIABLE]), may_write=True)
    }
