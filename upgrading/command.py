"""The command `manage.py upgrade`."""

import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import click

from settings import kit_record
from upgrading import applying, conflicts, merging, releases, shaping, trial
from upgrading.merging import Merged
from upgrading.repository import Repository, UpgradeRefused

UNDO = "python manage.py upgrade --undo"


@click.command("upgrade")
@click.argument("version", default="")
@click.option("--from", "source", default="", help="A remote, a URL, a folder or a bundle.")
@click.option("--dry-run", is_flag=True, help="Tell what would happen, and change no file.")
@click.option("--no-database", is_flag=True, help="Do not try the migrations on a copy.")
@click.option("--check", is_flag=True, help="Only try the migrations of the present code.")
@click.option("--undo", is_flag=True, help="Take the last upgrade back.")
def upgrade(version: str, *, source: str, check: bool, undo: bool, **options: bool) -> None:
    """Merge a release of the kit, the newest or VERSION, into this copy.

    Removed features stay removed, and the product keeps its name. The database is not changed: the
    migrations are tried on a copy of it.
    """
    repository = Repository()
    try:
        if check:
            with tempfile.TemporaryDirectory(prefix="kit-trial-") as work:
                _tell([_tried(repository.folder, Path(work))])
            return
        repository.ensure_own()
        with applying.locked(repository):
            if undo:
                _tell([applying.undo(repository), AFTER_UNDO])
                return
            applying.ensure_whole(repository)
            repository.ensure_clean()
            _upgrade(repository, version, source, **options)
    except UpgradeRefused as error:
        raise click.ClickException(str(error)) from None


AFTER_UNDO = (
    "The database was not changed by the upgrade. If you ran `db upgrade` since, restore it from "
    "before, or migrate back with the release's code."
)


def _upgrade(
    repository: Repository, wanted: str, given: str, *, dry_run: bool, no_database: bool
) -> None:
    record = kit_record.parsed(repository.text_of(f"HEAD:{kit_record.FILE}"))
    source = releases.choose_source(repository, record, given)
    tags = source.tags(repository)
    record = releases.completed(repository, record, source, tags)
    version = releases.choose_version(tags, record.version, wanted)
    new = source.fetch(repository, tags[version])
    old = releases.choose_base(repository, record, source, tags, new)
    if given and not Path(given).exists():  # the next bundle has another name
        record = replace(record, source=given)
    _tell([f"Merging release {version} into this copy, which has {record.version} …"])
    copy = shaping.read_copy(repository, record, old, new)
    if copy.removed:
        _tell([f"These features stay removed: {', '.join(copy.removed)}."])
    with shaping.worktree(repository) as tree:
        merged = merging.merge(copy, tree, old, new, version)
        merged.notes += _arrived(repository, merged)
        if not no_database:
            merged.notes.append(_tried_merge(tree, merged))
        if not dry_run:
            applying.apply(repository, merged, version)
    _report(repository, merged, version, dry_run)


def _arrived(repository: Repository, merged: Merged) -> list[str]:
    """Return a sentence about the features that the release brings."""
    before = shaping.features_of(repository, merged.old)
    arrived = sorted(shaping.features_of(repository, merged.new) - before)
    return [f"New features: {', '.join(arrived)}."] if arrived else []


def _tried_merge(tree: Repository, merged: Merged) -> str:
    if any(conflict.needs_code for conflict in merged.conflicts):
        return (
            "The migrations were not tried, because of the conflicts. Once these are resolved: "
            "python manage.py upgrade --check"
        )
    return _tried(tree.folder, tree.folder.parent)


def _tried(folder: Path, work: Path) -> str:
    try:
        return trial.run(folder, work)
    except trial.NotTried as error:
        return (
            f"The migrations were not tried on a copy of the database. {error} To try them later: "
            "python manage.py upgrade --check"
        )


def _report(repository: Repository, merged: Merged, version: str, dry_run: bool) -> None:
    _tell(f"- {note}" for note in merged.notes)
    if merged.conflicts:
        _tell(["", f"{len(merged.conflicts)} files are in conflict.", ""])
        _tell(conflicts.lines(merged.conflicts, repository.folder))
    if dry_run:
        _tell(["", "This was a dry run, and no file was changed."])
        return
    _tell([""])
    if merged.conflicts:
        _tell([f"Resolve the conflicts, then: git commit. To take all back: {UNDO}"])
        _tell(["If that does not start: git merge --abort"])
        raise SystemExit(1)
    _tell(
        [
            f"Release {version} is merged, in one commit. To take it back: {UNDO}",
            "Next: read CHANGELOG.md of the release, then `make setup`, `make check`, `make test`,",
            "and `python manage.py db upgrade`.",
        ]
    )


def _tell(lines: Iterable[str]) -> None:
    for line in lines:
        click.echo(line)
