"""Remove a feature from a clone: its tables, its folder and its entries in the documents.

All checks run first. Then the feature's branch of migrations drops the tables, and the files are
removed last. If a step fails, the files and the tables are restored.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import flask_migrate
from alembic.runtime.migration import MigrationContext
from alembic.util import CommandError
from flask import current_app
from sqlalchemy.exc import SQLAlchemyError

import config
from app.extensions import db
from app.kit.database import migrations
from app.kit.features import FOLDER, installed
from app.kit.generator import ledger
from settings import example, manifests
from settings.manifests import Manifest
from settings.reader import BASE_DIR

COMMAND = re.compile(r"@\w+\.(?:command|group)\(\"([a-z_]+)\"")
ROW = re.compile(r"(\||[-*] |\d{1,3}\. )")  # the beginning of a table row or a list item
REQUIREMENTS = "requirements/common.in"
ROOMS = "scripts/draw_rooms.py"  # draws the picture of the features, and their table
# Importing a module that is None in sys.modules fails as if its file were missing.
START = """
import os
import sys
os.environ |= {{"FEATURES_OFF": "{off}", "FLASK_CONFIG": "testing"}}
sys.modules["app.features.{name}"] = None
from app import create_app
create_app()
"""


class RemovalRefused(Exception):
    """The feature cannot be removed, and nothing was changed. The message says why."""


@dataclass
class Report:
    """The finished steps of a removal, and the steps left to do by hand."""

    done: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


def find(name: str) -> Manifest:
    """Return the manifest of a feature. Raises RemovalRefused if the feature does not exist."""
    try:
        return installed()[name]
    except KeyError:
        known = ", ".join(sorted(installed())) or "none"
        raise RemovalRefused(f"There is no feature {name}. The features are {known}.") from None


def required_by(name: str) -> list[str]:
    """Return the features that require the feature `name`."""
    return sorted(one.name for one in installed().values() if name in one.requires)


def check(name: str) -> None:
    """Raise RemovalRefused unless the feature `name` can be removed completely."""
    find(name)
    if others := required_by(name):
        raise RemovalRefused(f"{name} is required by {', '.join(others)}. Remove that first.")
    if changed := _git("status", "--porcelain").strip():
        raise RemovalRefused(
            "The working tree has changes. Commit them first, so that the removal is a commit of "
            f"its own and can be undone:\n{changed}"
        )
    _git("rm", "-r", "--dry-run", "--quiet", _path(name))
    _check_start(name)


def has_tables(name: str) -> bool:
    """Return whether the database has revisions of the feature.

    A feature without migrations has no tables, and needs no query. Raises RemovalRefused if the
    database cannot be read.
    """
    if not (FOLDER / name / "migrations").is_dir():
        return False
    try:
        scripts = migrations.scripts(Path(current_app.extensions["migrate"].directory))
        with db.engine.connect() as connection:
            heads = MigrationContext.configure(connection).get_current_heads()
        return any(name in scripts.get_revision(head).branch_labels for head in heads)
    except (SQLAlchemyError, CommandError) as error:
        reason = str(error).strip().splitlines()[0]
        raise RemovalRefused(
            f"The tables of {name} cannot be dropped: {reason}\nStart the database and bring it up "
            "to date (`python manage.py db upgrade`), or set DATABASE_URL to the one you mean."
        ) from None


def remove(name: str) -> Report:
    """Remove the feature `name` and report the steps. Raises RemovalRefused."""
    check(name)
    report, feature, with_tables = Report(), find(name), has_tables(name)
    documents, commands = dict(_documents(feature)), _commands(feature)
    permissions = list(_own_permissions(feature))
    try:
        if with_tables:
            flask_migrate.downgrade(revision=f"{name}@base")
            report.done.append(
                f"Dropped {', '.join(feature.tables) or 'what its migrations made'}."
            )
        _remove_files(name, documents, permissions)
    except BaseException:
        _git("restore", "--staged", "--worktree", "--source=HEAD", ".")
        if with_tables:
            flask_migrate.upgrade(revision=f"{name}@head")
        raise
    report.done.append(f"Removed {_path(name)} with its tests.")
    if feature.settings:
        report.done.append(f"Removed {', '.join(feature.settings)} from {example.PATH.name}.")
    if permissions:
        report.done.append(f"Removed {', '.join(permissions)} from app/models/role.py.")
    if documents:
        names = ", ".join(str(path.relative_to(BASE_DIR)) for path in documents)
        report.done.append(f"Removed the rows and items about it from {names}.")
    report.left += _left(feature, commands)
    return report


def _remove_files(name: str, documents: Mapping[Path, str], permissions: list[str]) -> None:
    _git("rm", "-r", "--quiet", _path(name))
    shutil.rmtree(FOLDER / name, ignore_errors=True)  # caches of Python
    remaining = manifests.read(FOLDER)
    changed = {example.PATH: example.written(example.PATH.read_text("utf-8"), remaining)}
    for path, text in {**changed, **documents}.items():
        path.write_text(text, encoding="utf-8")
    bits = ledger.FILE.read_text(encoding="utf-8")
    for permission in permissions:
        bits = ledger.without_permission(bits, permission)
    ledger.FILE.write_text(bits, encoding="utf-8")
    _run(sys.executable, ROOMS)
    _git("add", "--update")


def _own_permissions(feature: Manifest) -> Iterator[str]:
    """Yield the permissions of a copy that nothing but this feature uses."""
    text = ledger.FILE.read_text(encoding="utf-8")
    others = {name for one in installed().values() for name in one.permissions if one != feature}
    for name in feature.permissions:
        if (
            name not in others
            and ledger.has_bit_of_a_copy(text, name)
            and not _users(feature, name)
        ):
            yield name


def _users(feature: Manifest, permission: str) -> list[str]:
    """Return the files outside the feature and the ledger that name a permission."""
    pattern = rf"\b{permission}\b"
    files = _git("grep", "-lE", pattern, "--", "*.py", "*.html", "*.txt", may_fail=True)
    own = (f"{_path(feature.name)}/", ledger.FILE.relative_to(BASE_DIR).as_posix())
    return [name for name in files.split() if not name.startswith(own)]


def _documents(feature: Manifest) -> Iterator[tuple[Path, str]]:
    """Yield each guide that changes, with its text without the feature's rows and items."""
    words = _words(feature)
    for name in _git("ls-files", "*.md").split():
        path = BASE_DIR / name
        if path.name == "CHANGELOG.md" or "decisions" in path.parts or FOLDER in path.parents:
            continue
        text = path.read_text(encoding="utf-8")
        lines = _without(text.splitlines(keepends=True), words)
        if (kept := "".join(lines)) != text:
            yield path, kept


def _without(lines: list[str], words: re.Pattern[str]) -> Iterator[str]:
    """Yield the lines without the table rows and list items that match `words`."""
    item: list[str] = []
    for line in [*lines, ""]:
        continues = bool(item) and line.startswith("  ") and not ROW.match(line.lstrip())
        if not continues:
            if not any(words.search(part) for part in item):
                yield from item
            item = []
        if continues or ROW.match(line.lstrip()):
            item.append(line)
        else:
            yield line


def _words(feature: Manifest) -> re.Pattern[str]:
    """Return a pattern that matches the feature's path, commands and settings in a guide."""
    paths = [f"{re.escape(_path(feature.name))}\\b"]
    commands = _commands(feature)
    named = [rf"`(?:python manage\.py )?{name}\b" for name in (*commands, *feature.settings)]
    return re.compile("|".join(paths + named))


def _commands(feature: Manifest) -> list[str]:
    """Return the names of the feature's commands."""
    files = (FOLDER / feature.name).glob("*.py")
    return [name for path in files for name in COMMAND.findall(path.read_text("utf-8"))]


def _left(feature: Manifest, commands: Iterable[str]) -> Iterator[str]:
    """Yield the steps that need a decision by the developer."""
    if feature.packages:
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
    found = _git("grep", "--files-with-matches", "--extended-regexp", pattern, may_fail=True)
    if files := [name for name in found.split() if name != "CHANGELOG.md"]:
        yield f"These files still name it: {', '.join(files)}."
    yield "Look at the change (`git diff --cached`), run `make check` and `make test`, and commit."


def _check_start(name: str) -> None:
    """Raise RemovalRefused unless the application starts without the feature."""
    off = ",".join({*config.features_off(), name})
    started = _run(sys.executable, "-c", START.format(name=name, off=off))
    if started.returncode:
        raise RemovalRefused(
            f"The application does not start without {name}:\n{started.stderr.strip()[-2000:]}"
        )


def _path(name: str) -> str:
    return (FOLDER / name).relative_to(BASE_DIR).as_posix()


def _git(*arguments: str, may_fail: bool = False) -> str:
    try:
        run = _run("git", *arguments)
    except FileNotFoundError:
        raise RemovalRefused("git is not installed, so nothing could be undone.") from None
    if run.returncode and not may_fail:
        raise RemovalRefused(f"git {arguments[0]} failed: {run.stderr.strip()}")
    return run.stdout


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - the commands above, with the name of a known feature
        command, cwd=BASE_DIR, capture_output=True, text=True, check=False
    )
