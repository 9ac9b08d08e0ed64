"""Find the client programs of PostgreSQL, and compare their versions with the server's."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import psycopg

import config
from app.features.backups.errors import BackupRefused

INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR")
VERSION = re.compile(r"\(PostgreSQL\) (\d+)")
OLDEST = 14  # the first pg_dump that can name extensions
# Where packages put versions beside the one in PATH.
FOLDERS = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin")


def find(tool: str, *, least: int) -> tuple[str, int]:
    """Return the path and version of a program whose version is `least` or newer.

    Raises BackupRefused.
    """
    least = max(least, OLDEST)
    newest = 0
    for path in _candidates(tool):
        version = version_of(path)
        if version >= least:
            return path, version
        newest = max(newest, version)
    packages = f"Install the client programs of PostgreSQL {least}: postgresql-client-{least}."
    if newest:
        raise BackupRefused(f"{tool} is of version {newest}, and {least} is needed. {packages}")
    raise BackupRefused(f"{tool} is not installed. {packages}")


def version_of(path: str) -> int:
    """Return the major version of a program, or 0 if it does not run."""
    try:
        said = subprocess.run(  # noqa: S603 - the program was found by its name
            [path, "--version"], capture_output=True, text=True, timeout=10, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return 0
    found = VERSION.search(said)
    return int(found[1]) if found else 0


def _candidates(tool: str) -> Iterator[str]:
    if path := shutil.which(tool):
        yield path
    for pattern in FOLDERS:
        yield from (str(path) for path in sorted(Path("/").glob(f"{pattern[1:]}/{tool}")))


def environment(arguments: Mapping[str, str]) -> dict[str, str]:
    """Return the environment in which a program connects with these arguments of libpq."""
    known = {one.keyword.decode(): one.envvar for one in psycopg.pq.Conninfo.get_defaults()}
    own = {
        variable.decode(): value
        for name, value in arguments.items()
        if (variable := known.get(name)) is not None
    }
    # A program needs no setting of the application, such as SECRET_KEY.
    kept = {
        name: value
        for name, value in config.environment().items()
        if name in INHERITED or name.startswith("PG")
    }
    return {**kept, "PGCONNECT_TIMEOUT": "5", **own, "PGCLIENTENCODING": "UTF8"}
