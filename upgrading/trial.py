"""Try the migrations of a tree on a copy of the database."""

import json
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote
from uuid import uuid4

from settings.kit_record import ROOT
from upgrading import shaping

if TYPE_CHECKING:
    from sqlalchemy import Engine

ASK = """
import json
import config
chosen = config.load()
print(json.dumps([chosen.DATABASE_SETTING, chosen.SQLALCHEMY_DATABASE_URI]))
"""
PREFIX = "kit_upgrade_"  # of the copies on a server
SPARE = 100 * 1024 * 1024  # bytes that the disk keeps beside a copy


class NotTried(Exception):
    """The migrations cannot be tried. The message says why."""


def run(folder: Path, work: Path) -> str:
    """Run the migrations of the code in `folder` on a copy of the database, and tell the result.

    `work` is an empty folder for the copy. Raises NotTried. The database itself is read only. The
    result also names copies that earlier upgrades left on the server because they were killed.
    """
    asked = shaping.run_python(ROOT, "-c", ASK)
    if asked.returncode:
        raise NotTried(shaping.reason_of(asked))
    setting, url = json.loads(asked.stdout.strip().splitlines()[-1])
    with _copied(url, work) as copy:
        if (ROOT / ".env").exists() and folder != ROOT:
            shutil.copy(ROOT / ".env", folder / ".env")
        done = shaping.run_python(
            folder,
            *("manage.py", "db", "upgrade"),
            variables={
                setting: copy,
                "DATABASE_DIRECT_URL": "",
                "INSTANCE_PATH": str(work / "instance"),
            },
        )
    if done.returncode and "ModuleNotFoundError" in done.stderr:
        raise NotTried(shaping.reason_of(done))
    if done.returncode:
        lines = done.stderr.strip().splitlines()[-12:]
        result = "THE MIGRATIONS FAIL on a copy of the database:\n  " + "\n  ".join(lines)
    else:
        count = done.stderr.count("Running upgrade")
        result = f"The migrations ran on a copy of the database: {count} new."
    if left := _left_on_server(url):
        result += (
            f"\nThe server has copies of other upgrades: {', '.join(left)}. If no upgrade is "
            "running, one was killed. Drop its copy: DROP DATABASE " + left[0]
        )
    return result


@contextmanager
def _copied(url: str, work: Path) -> Iterator[str]:
    """Yield the URL of a copy of a database, which is deleted afterwards. Raises NotTried."""
    if url.startswith("sqlite"):
        yield _copy_file(url, work)
    elif url.startswith("postgresql"):
        with _copied_on_server(url, work) as copy:
            yield copy
    else:
        raise NotTried(f"A database of the kind {url.partition(':')[0]} cannot be copied.")


def _copy_file(url: str, work: Path) -> str:
    """Copy a file of SQLite as it is between two transactions, and return the copy's URL."""
    source = Path(url.partition(":///")[2].partition("?")[0])
    if not source.is_file():
        raise NotTried(f"There is no database at {source} yet.")
    if shutil.disk_usage(work).free < source.stat().st_size + SPARE:
        raise NotTried(f"The disk of {work} has no room for a copy of {source}.")
    target = work / "copy.sqlite"
    read_only = f"file:{quote(str(source.resolve()))}?mode=ro"
    try:
        with (
            closing(sqlite3.connect(read_only, uri=True)) as before,
            closing(sqlite3.connect(target)) as after,
        ):
            before.backup(after)
    except sqlite3.Error as error:
        raise NotTried(f"{source} cannot be copied: {error}.") from None
    return f"sqlite:///{target}"


@contextmanager
def _copied_on_server(url: str, work: Path) -> Iterator[str]:
    """Yield the URL of a copy of a PostgreSQL database beside it. Raises NotTried."""
    from sqlalchemy import make_url, text  # not needed to undo
    from sqlalchemy.exc import DBAPIError, OperationalError

    given, name = make_url(url), f"{PREFIX}{uuid4().hex[:8]}"
    engine = _server(url)
    copy = given.set(database=name)
    create = f'CREATE DATABASE "{name}"'
    quoted = (given.database or "").replace('"', '""')
    is_filled = False
    try:
        with engine.connect() as connection:
            # The server copies the files, unless somebody else uses the database.
            with suppress(OperationalError):
                connection.execute(text(f'{create} TEMPLATE "{quoted}"'))
                is_filled = True
            if not is_filled:
                connection.execute(text(create))
    except DBAPIError as error:
        reason = str(error.orig).strip().splitlines()[0]
        raise NotTried(
            f"No database can be created for a copy: {reason}. The user of the database needs "
            "CREATEDB."
        ) from None
    try:
        if not is_filled:
            _dump(given.render_as_string(False), copy.render_as_string(False), work)
        yield copy.render_as_string(False)
    finally:
        with engine.connect() as connection:
            connection.execute(text(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))


def _server(url: str) -> "Engine":
    """Return an engine that makes a connection for each use, and commits each statement."""
    from sqlalchemy import NullPool, create_engine

    return create_engine(
        url,
        poolclass=NullPool,
        isolation_level="AUTOCOMMIT",
        connect_args={"connect_timeout": 10, "application_name": "kit_upgrade"},
    )


def _left_on_server(url: str) -> list[str]:
    """Return the names of copies on the server that the database's user owns."""
    from sqlalchemy import text
    from sqlalchemy.exc import SQLAlchemyError

    if not url.startswith("postgresql"):
        return []
    query = text(
        "SELECT datname FROM pg_database WHERE starts_with(datname, :prefix) "
        "AND pg_get_userbyid(datdba) = current_user ORDER BY datname"
    )
    try:
        with _server(url).connect() as connection:
            return list(connection.scalars(query, {"prefix": PREFIX}))
    except SQLAlchemyError:
        return []


def _dump(source: str, target: str, work: Path) -> None:
    """Fill a database with a dump of another. Both may be in use. Raises NotTried."""
    from sqlalchemy import make_url

    file = work / "dump"
    for program, url, arguments in (
        ("pg_dump", source, ["--format=custom", "--no-owner", f"--file={file}"]),
        ("pg_restore", target, ["--no-owner", "--exit-on-error", str(file)]),
    ):
        parts = make_url(url)
        # A password in the arguments of a program is seen by every user of the machine.
        password = {"PGPASSWORD": parts.password} if parts.password else {}
        plain = parts.set(drivername="postgresql", password=None).render_as_string(False)
        found = shutil.which(program)
        if not found:
            raise NotTried(f"{program} is not installed, with which the database is copied.")
        done = subprocess.run(  # noqa: S603 - the developer's own tools
            [found, f"--dbname={plain}", *arguments],
            env={**os.environ, **password},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise NotTried(f"{program} failed: {done.stderr.strip()[-500:]}")
