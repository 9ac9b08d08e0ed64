"""Locate the Alembic revisions: a branch for the core, and one for each feature with migrations.

A feature that is switched off keeps its branch, so switching it on again needs no migration.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from pathlib import Path

import click
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError, to_tuple
from flask_migrate import Migrate
from flask_migrate.cli import db as commands
from sqlalchemy import Connection

from app.kit.features import FOLDER as FEATURES

# Flask-Migrate's defaults assume a single branch. A new revision goes to the core.
DEFAULTS = {
    "upgrade": {"revision": "heads"},
    "stamp": {"revision": "heads"},
    "show": {"revision": "heads"},
    "migrate": {"head": "core@head"},
    "revision": {"head": "core@head"},
}
STEPS_BACK = re.compile(r"-\d+")
FORMER_REVISION = re.compile(r"00[012]\d")
LAST_OF_ALL = "0023"  # the last revision before each branch got its own first one


def init_app(migrate: Migrate) -> None:
    """Configure Flask-Migrate's functions and commands for several branches."""
    if locate not in migrate.configure_callbacks:  # all apps of a process share this object
        migrate.configure(locate)
    commands.context_settings["default_map"] = DEFAULTS
    (revision,) = (p for p in commands.commands["downgrade"].params if p.name == "revision")
    revision.callback = name_a_branch


def name_a_branch(_context: object, _parameter: object, revision: str) -> str:
    """Reject a relative downgrade without a branch, because Alembic would pick one."""
    if STEPS_BACK.fullmatch(revision):
        raise click.UsageError(
            f"Say which branch goes back, such as core@{revision}. `db heads` lists the branches."
        )
    return revision


def folders(directory: Path) -> list[Path]:
    """Return the folders with revisions. `directory` is Flask-Migrate's folder, with the core's."""
    return [directory / "versions", *sorted(FEATURES.glob("*/migrations"))]


def locate(config: Config) -> Config:
    """Set the folders of the revisions in Alembic's configuration.

    Raises CommandError if a revision builds on a missing one.
    """
    directory = Path(config.get_main_option("script_location") or "")
    # A percent sign begins an interpolation there.
    locations = [str(folder).replace("%", "%%") for folder in folders(directory)]
    config.set_main_option("version_locations", "\n".join(locations))
    config.set_main_option("path_separator", "newline")
    if directory.is_dir():  # `db init` calls this before the folder exists
        ensure_complete(ScriptDirectory.from_config(config))
    return config


def scripts(directory: Path) -> ScriptDirectory:
    """Return the revisions of all branches. Raises CommandError if one is missing."""
    found = ScriptDirectory(str(directory), version_locations=folders(directory))
    ensure_complete(found)
    return found


def ensure_complete(scripts: ScriptDirectory) -> None:
    """Raise CommandError if a revision builds on a missing one.

    Alembic itself raises a KeyError, so this check runs before Alembic connects the revisions.
    """
    loaded = list(scripts._load_revisions())
    known = {name for script in loaded for name in (script.revision, *script.branch_labels)}
    for script in loaded:
        needed = to_tuple(script.down_revision, ()) + to_tuple(script.dependencies, ())
        for missing in sorted(set(needed) - known):
            raise CommandError(
                f"The migration {script.path} builds on {missing}, which no file has. "
                "Bring the missing file back from version control."
            )


def import_models() -> None:
    """Import the models of every installed feature, on or off.

    Autogenerate would otherwise drop the tables of a feature that is switched off.
    """
    for folder in sorted(FEATURES.glob("*/migrations")):
        if folder.with_name("models.py").exists() or folder.with_name("models").is_dir():
            import_module(f"app.features.{folder.parent.name}.models")


@dataclass(frozen=True)
class Mismatch:
    """A difference between the database's revisions and the code's, and how to resolve it."""

    problem: str
    hint: str
    is_behind: bool = False
    """Whether the code has migrations that the database lacks."""
    unknown: frozenset[str] = frozenset()
    """The revisions of the database that the code does not know."""


def problem(connection: Connection, directory: Path) -> Mismatch | None:
    """Compare the revisions of the database with those of the code, and return a mismatch."""
    files = (path for folder in folders(directory) for path in folder.glob("*.py"))
    try:
        known, newest = _read(directory, frozenset(files))
    except CommandError as error:
        return Mismatch("The migrations contradict each other.", f"Fix them: {error}")
    applied = set(MigrationContext.configure(connection).get_current_heads())
    if applied == newest:
        return None
    if unknown := applied - known:
        return explain(unknown)
    return Mismatch(
        "The tables are older than the code." if applied else "There are no tables yet.",
        "Run `python manage.py db upgrade`.",
        is_behind=True,
    )


def known_revisions(directory: Path) -> frozenset[str]:
    """Return all revisions that the code has. Raises CommandError if one is missing."""
    files = (path for folder in folders(directory) for path in folder.glob("*.py"))
    return _read(directory, frozenset(files))[0]


@lru_cache(maxsize=1)
def _read(directory: Path, _files: frozenset[Path]) -> tuple[frozenset[str], frozenset[str]]:
    """Return all revisions, and the newest of each branch. The slow result is cached."""
    found = scripts(directory)
    known = frozenset(script.revision for script in found.walk_revisions())
    # The database has no row for a revision that another one depends on.
    return known, frozenset(script.revision for script in found.get_revisions("heads"))


def explain(unknown: Collection[str]) -> Mismatch:
    """Explain what to do about revisions of the database that no file defines."""
    revision = max(unknown)
    problem = f"The database has the migration {revision}, which this code does not know."
    if revision == LAST_OF_ALL:
        hint = (
            "It is the last of those that became one for the core and one for each feature. "
            "Stamp the database once, as docs/upgrading.md says, then run "
            "`python manage.py db upgrade`."
        )
    elif FORMER_REVISION.fullmatch(revision):
        hint = (
            f"Run `python manage.py db upgrade` with the last code that has {LAST_OF_ALL}. "
            "Then stamp the database once with this code, as docs/upgrading.md says."
        )
    else:
        hint = (
            "Run the newest code. If the migration is of a feature that was removed, bring its "
            "folder back, run `python manage.py db downgrade FEATURE@base`, and remove it again."
        )
    return Mismatch(problem, hint, unknown=frozenset(unknown))
