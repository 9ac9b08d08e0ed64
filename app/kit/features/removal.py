"""Remove a feature from a clone: its tables, its folder and its entries in the documents.

All checks run first. The files are removed next, because Git can restore them, and the tables are
dropped last, because nothing brings their rows back. If a step fails, the files are restored.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import flask_migrate
from alembic.runtime.migration import MigrationContext
from alembic.util import CommandError
from flask import current_app
from sqlalchemy.exc import SQLAlchemyError

import config
from app.extensions import db
from app.kit.database import migrations
from app.kit.features import FOLDER, checkout, guides, installed, pruning
from app.kit.features.checkout import CommandRefused, Report, git, path_of
from settings import example
from settings.manifests import Manifest
from settings.reader import BASE_DIR
from settings.toml_table import shown

REQUIREMENTS = shown(checkout.REQUIREMENTS)
# Importing a module that is None in sys.modules fails as if its file were missing.
START = """
import os
import sys
os.environ |= {{"FEATURES_OFF": "{off}", "FLASK_CONFIG": "testing"}}
sys.modules["app.features.{name}"] = None
from app import create_app
create_app()
"""


def find(name: str) -> Manifest:
    """Return the manifest of a feature. Raises CommandRefused if the feature does not exist."""
    try:
        return installed()[name]
    except KeyError:
        known = ", ".join(sorted(installed())) or "none"
        raise CommandRefused(f"There is no feature {name}. The features are {known}.") from None


def required_by(name: str) -> list[str]:
    """Return the features that require the feature `name`."""
    return sorted(one.name for one in installed().values() if name in one.requires)


def check(name: str) -> None:
    """Raise CommandRefused unless the feature `name` can be removed completely."""
    find(name)
    if others := required_by(name):
        raise CommandRefused(f"{name} is required by {', '.join(others)}. Remove that first.")
    checkout.ensure_clean()
    git("rm", "-r", "--dry-run", "--quiet", path_of(name))
    _check_start(name)


def revisions(name: str) -> list[str]:
    """Return the newest revisions of the feature that the database has, or none.

    A feature without migrations has none, and needs no query. Raises CommandRefused if the
    database cannot be read.
    """
    if not (FOLDER / name / "migrations").is_dir():
        return []
    try:
        scripts = migrations.scripts(Path(current_app.extensions["migrate"].directory))
        with db.engine.connect() as connection:
            heads = MigrationContext.configure(connection).get_current_heads()
        return [head for head in heads if name in scripts.get_revision(head).branch_labels]
    except (SQLAlchemyError, CommandError) as error:
        reason = str(error).strip().splitlines()[0]
        raise CommandRefused(
            f"The tables of {name} cannot be dropped: {reason}\nStart the database and bring it up "
            "to date (`python manage.py db upgrade`), or set DATABASE_URL to the one you mean."
        ) from None


def remove(name: str) -> Report:
    """Remove the feature `name` and report the steps. Raises CommandRefused."""
    check(name)
    report, feature, applied = Report(), find(name), revisions(name)
    documents = dict(guides.without(feature))
    commands = checkout.commands_in(FOLDER / name)
    permissions = list(pruning.own_permissions(feature))
    elsewhere = (path for path in pruning.adapters(feature) if path.parent != FOLDER / name)
    adapters = [shown(path) for path in elsewhere]
    with checkout.restored_after_failure():
        packages = pruning.remove_files(feature, documents, permissions)
        if applied:
            _drop_tables(feature, applied)
            tables = ", ".join(feature.tables) or "what its migrations made"
            report.done.append(f"Dropped {tables}.")
    report.done.append(f"Removed {path_of(name)} with its tests.")
    if adapters:
        report.done.append(f"Removed {', '.join(adapters)}.")
    if feature.settings:
        report.done.append(f"Removed {', '.join(feature.settings)} from {example.PATH.name}.")
    if permissions:
        report.done.append(f"Removed {', '.join(permissions)} from app/models/role.py.")
    if documents:
        names = ", ".join(str(path.relative_to(BASE_DIR)) for path in documents)
        report.done.append(f"Removed what {names} say about it.")
    if packages:
        report.done.append(f"Removed {', '.join(packages)} from {REQUIREMENTS}.")
    report.left += _left(feature, commands, packages)
    return report


def _drop_tables(feature: Manifest, applied: Iterable[str]) -> None:
    """Run the feature's migrations backwards. Its files come back for as long as that takes.

    PostgreSQL commits each revision by itself, so those that went back are applied again if a later
    one fails.
    """
    git("restore", "--source=HEAD", "--worktree", path_of(feature.name))
    try:
        # The command has asked about the rows, so a migration need not ask again.
        answer = f"delete={','.join(feature.tables)}"
        flask_migrate.downgrade(revision=f"{feature.name}@base", x_arg=[answer])
    except BaseException:
        for revision in applied:
            flask_migrate.upgrade(revision=revision)
        raise
    finally:
        shutil.rmtree(FOLDER / feature.name, ignore_errors=True)


def _left(feature: Manifest, commands: Iterable[str], packages: list[str]) -> Iterator[str]:
    """Yield the steps that need a decision by the developer."""
    if packages:
        yield f"Take {', '.join(packages)} out of the locks: `make lock`, then `make setup`."
    elif feature.packages:
        yield (
            f"Remove {', '.join(feature.packages)} from {REQUIREMENTS} if nothing else of yours "
            "needs it, then run `make lock` and `make setup`."
        )
    if feature.name in config.features_off():
        yield f"Take {feature.name} out of FEATURES_OFF."
    if feature.tables or (FOLDER / feature.name / "migrations").is_dir():
        yield (
            f"Other databases keep its tables. Run `python manage.py db downgrade "
            f"{feature.name}@base` there, with the code from before, ahead of the next release."
        )
    calls = [f"manage\\.py {command}\\b" for command in commands]
    pattern = "|".join([rf"app[./]features[./]{feature.name}\b", *calls])
    found = git("grep", "--files-with-matches", "--extended-regexp", pattern, may_fail=True)
    files = [name for name in found.split() if not _keeps(name, feature)]
    left_out = [name for name in files if _is_left_out(name, feature)]
    if named := [name for name in files if name not in left_out]:
        yield f"These files still name it: {', '.join(named)}."
    if left_out:
        names = ", ".join(left_out)
        yield f"These tests need it, and are left out until you change them: {names}."
    yield "Look at the change (`git diff --cached`), run `make check` and `make test`, and commit."


def _keeps(file: str, feature: Manifest) -> bool:
    """Return whether a file goes on naming a feature, such as a guide that says how to make it."""
    if file.startswith(guides.UNCHANGED):
        return True
    text = (BASE_DIR / file).read_text("utf-8") if file.endswith(".md") else ""
    return guides.shows_files_of(feature.name, text)


def _is_left_out(file: str, feature: Manifest) -> bool:
    """Return whether a file holds tests that pytest leaves out, because they import a feature."""
    if not Path(file).name.startswith("test_"):
        return False
    module = f"app.features.{feature.name}"
    lines = (BASE_DIR / file).read_text("utf-8").splitlines()
    imported = [line.split(" ")[1] for line in lines if line.startswith(("from ", "import "))]
    return any(one == module or one.startswith(f"{module}.") for one in imported)


def _check_start(name: str) -> None:
    """Raise CommandRefused unless the application starts without the feature."""
    off = ",".join({*config.features_off(), name})
    started = checkout.run(sys.executable, "-c", START.format(name=name, off=off))
    if started.returncode:
        raise CommandRefused(
            f"The application does not start without {name}:\n{started.stderr.strip()[-2000:]}"
        )
