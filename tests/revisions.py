"""Load the file of each revision once in a process. Alembic loads all of them for each command."""

import os
from functools import cache
from pathlib import Path
from types import ModuleType

from alembic import util

_load = util.load_python_file


def share() -> None:
    """Let all Alembic commands of this process share the modules of revisions."""
    util.load_python_file = _load_once


def _load_once(folder: str | os.PathLike[str], filename: str | os.PathLike[str]) -> ModuleType:
    path = Path(folder, filename).resolve()
    if path.name == "env.py":  # does its work when it is loaded
        return _load(folder, filename)
    return _revision(path, path.stat().st_mtime_ns)


@cache
def _revision(path: Path, _written_at: int) -> ModuleType:
    return _load(path.parent, path.name)
