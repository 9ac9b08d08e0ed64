"""Add a feature to a clone from a folder elsewhere, such as those of `examples`.

All checks of names run first. Then the folder is copied, the files outside of it are written, and
the application is started once. If a step fails, everything is as it was before.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from flask import current_app

from app.extensions import db
from app.kit.features import FOLDER, checkout, installed
from app.kit.features.checkout import CommandRefused, Report, git, path_of
from app.kit.generator import ledger
from settings import example, manifests
from settings.manifests import FILE, Manifest
from settings.reader import ConfigurationError
from settings.toml_table import shown

CACHES = ("__pycache__", "*.pyc")
ENDPOINT = re.compile(r"overwriting an existing endpoint function: (\S+)")
START = """
import os
import warnings
from pathlib import Path
os.environ["FLASK_CONFIG"] = "testing"
from app import create_app
from app.kit.database import migrations
app = create_app()
warnings.filterwarnings("error", message="Revision .* is present more than once")
migrations.scripts(Path(app.extensions["migrate"].directory)).get_heads()
"""


def check(path: Path) -> Manifest:
    """Return the manifest of the feature at `path`. Raises CommandRefused if it cannot be added."""
    feature = read(path)
    problems = list(_clashes(feature, path.resolve()))
    if problems:
        raise CommandRefused("\n".join(problems))
    checkout.ensure_clean()
    return feature


def read(path: Path) -> Manifest:
    """Read the manifest at `path`, beside those of the other features. Raises CommandRefused."""
    folder = path.resolve()
    if not (folder / FILE).is_file():
        raise CommandRefused(f"{path} is no feature: it has no {FILE}.")
    if folder.name in installed():
        raise CommandRefused(
            f"There is a feature {folder.name} already, in {path_of(folder.name)}."
        )
    try:
        return manifests.read_one(folder, installed())
    except ConfigurationError as error:
        raise CommandRefused(str(error)) from None


def add(path: Path) -> Report:
    """Add the feature at `path` and report the steps. Raises CommandRefused."""
    feature = check(path)
    packages = list(checkout.missing_packages(feature))
    folder = FOLDER / feature.name
    with checkout.restored_after_failure(folder):
        shutil.copytree(path, folder, ignore=shutil.ignore_patterns(*CACHES), dirs_exist_ok=True)
        checkout.write_permissions(feature.new_permissions.values())
        if packages:
            checkout.write_packages(feature.name, packages)
        checkout.write_overviews()
        _check_start(feature)
        git("add", "--all")
    return Report(list(_done(feature, packages)), list(_left(feature, packages)))


def _clashes(feature: Manifest, folder: Path) -> Iterator[str]:
    """Yield a sentence for each name of the feature that is taken, or package that is missing."""
    if any(file.suffix != ".pyc" for file in (FOLDER / feature.name).rglob("*.*")):
        yield f"{path_of(feature.name)} holds files that are no feature. Move them away."
    for table in sorted({*feature.tables} & {*db.metadata.tables}):
        yield f"The table {table} is taken."
    for setting in sorted({*feature.settings} & {*current_app.config}):
        yield f"The setting {setting} is taken."
    for command in sorted({*checkout.commands_in(folder)} & {*current_app.cli.commands}):
        yield f"The command {command} is taken."
    templates = (file for file in (folder / "templates").rglob("*") if file.is_file())
    own = {file.relative_to(folder / "templates").as_posix() for file in templates}
    for template in sorted(own & {*current_app.jinja_env.list_templates()}):
        yield f"The template {template} is taken."
    yield from _clashes_of_permissions(feature)
    for package in filter(_is_missing, feature.packages):
        yield (
            f"The package {package} is not installed. Add it to "
            f"{shown(checkout.REQUIREMENTS)}, run `make lock` and `make setup`, and commit."
        )


def _clashes_of_permissions(feature: Manifest) -> Iterator[str]:
    try:
        known = ledger.bits(checkout.with_permissions(feature.new_permissions.values()))
    except CommandRefused as error:
        yield str(error)
    else:
        for constant in sorted({*feature.permissions} - {*known}):
            yield f"There is no permission {constant} in {shown(ledger.FILE)}."


def _is_missing(package: str) -> bool:
    try:
        return not version(package.partition("[")[0])
    except PackageNotFoundError:
        return True


def _check_start(feature: Manifest) -> None:
    """Raise CommandRefused unless the application starts with the feature."""
    started = checkout.run(sys.executable, "-c", START)
    if not started.returncode:
        return
    if taken := ENDPOINT.search(started.stderr):
        raise CommandRefused(f"The endpoint {taken[1]} is taken. Rename the view.")
    raise CommandRefused(
        f"The application does not start with {feature.name}:\n{started.stderr.strip()[-2000:]}"
    )


def _done(feature: Manifest, packages: list[str]) -> Iterator[str]:
    yield f"Copied {feature.name} ({feature.title}) to {path_of(feature.name)}."
    if feature.new_permissions:
        yield f"Added {', '.join(feature.new_permissions)} to {shown(ledger.FILE)}."
    if feature.settings:
        yield f"Added {', '.join(feature.settings)} to {example.PATH.name}."
    if packages:
        yield f"Added {', '.join(packages)} to {shown(checkout.REQUIREMENTS)}."
    yield "Wrote the README's table of features and the picture of the rooms."


def _left(feature: Manifest, packages: list[str]) -> Iterator[str]:
    if packages:
        yield "Run `make lock`, so that what you deploy has the new package too."
    if (FOLDER / feature.name / "migrations").is_dir():
        yield "Run `python manage.py db upgrade`."
    if feature.new_permissions:
        names = ", ".join(permission.name for permission in feature.new_permissions.values())
        yield f"Give the permission “{names}” to roles. Administrators have it at once."
    if commands := checkout.commands_in(FOLDER / feature.name):
        yield f"Its commands: {', '.join(f'`python manage.py {name}`' for name in commands)}."
    yield "Look at the change (`git diff --cached`), run `make check` and `make test`, and commit."
    yield f"`python manage.py features remove {feature.name}` removes it again."
