"""Compile each template once for all processes of a test run, which share a folder."""

import atexit
import os
import shutil
import tempfile

from flask import Flask
from jinja2 import Environment, FileSystemBytecodeCache
from jinja2.bccache import Bucket

# The processes of pytest-xdist and the forkserver inherit the name of the folder.
VARIABLE = "COMPILED_TEMPLATES_OF_TESTS"


class CompiledTemplates(FileSystemBytecodeCache):
    def get_bucket(
        self, environment: Environment, name: str, filename: str | None, source: str
    ) -> Bucket:
        """Return what is kept of a template. Mails compile theirs without spaces around blocks."""
        key = f"{filename} {environment.trim_blocks} {environment.lstrip_blocks}"
        return super().get_bucket(environment, name, key, source)


def share() -> None:
    """Keep what apps of this process compile in the folder of the run, which is made if needed."""
    if VARIABLE not in os.environ:
        os.environ[VARIABLE] = tempfile.mkdtemp(prefix="compiled-templates-")
        atexit.register(_remove, os.environ[VARIABLE], os.getpid())
    Flask.jinja_options = {"bytecode_cache": CompiledTemplates(os.environ[VARIABLE])}


def _remove(folder: str, owner: int) -> None:
    if os.getpid() == owner:  # and not a process that a test has forked
        shutil.rmtree(folder, ignore_errors=True)
