"""Make of a release what this copy made of it: the same name, the same features left out.

Two releases that are shaped alike differ by the work on the kit alone.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from settings import kit_record
from settings.kit_record import KitRecord
from upgrading.repository import Repository, UpgradeRefused

SCRIPT = Path("scripts") / "shape_release.py"
FEATURES = Path("app") / "features"
LEDGER = Path("app") / "models" / "role.py"
PREFIX = "kit-upgrade-"
MISSING = "ModuleNotFoundError: No module named "
# Settings of the developer that would change what the code of a release does.
FOREIGN = ("FEATURES_OFF", "INSTANCE_PATH", "PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP")


@dataclass(frozen=True)
class Copy:
    """The copy: its record, and its own features and permissions."""

    repository: Repository
    record: KitRecord
    project: str
    """The text of its pyproject.toml."""
    removed: tuple[str, ...]
    own: Mapping[str, Path] = field(default_factory=dict)


def features_of(repository: Repository, commit: str) -> set[str]:
    """Return the names of the features in a commit."""
    listed = repository.git("ls-tree", "-r", "--name-only", "-z", commit, "--", f"{FEATURES}/")
    paths = [Path(name) for name in listed.split("\0") if name.endswith("/feature.toml")]
    return {path.parts[2] for path in paths if len(path.parts) == 4}


def read_copy(repository: Repository, record: KitRecord, old: str, new: str) -> Copy:
    """Describe the copy at HEAD, which was made from the commit `old` of the kit.

    A feature of `old` that HEAD lacks was removed, by the command or by hand.
    """
    present, before = features_of(repository, "HEAD"), features_of(repository, old)
    own = present - before - features_of(repository, new)
    return Copy(
        repository,
        record,
        repository.text_of(f"HEAD:{kit_record.FILE}"),
        tuple(sorted(before - present)),
        {name: repository.folder / FEATURES / name for name in sorted(own)},
    )


@contextmanager
def worktree(repository: Repository) -> Iterator[Repository]:
    """Yield an empty worktree in a temporary folder, which nobody else can read."""
    _remove_old_ones(repository)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX)).resolve()
    tree = folder / "tree"
    try:
        repository.git("worktree", "add", "--quiet", "--detach", "--no-checkout", str(tree), "HEAD")
        yield Repository(tree)
    finally:
        repository.try_git("worktree", "remove", "--force", str(tree))
        shutil.rmtree(folder, ignore_errors=True)
        repository.try_git("worktree", "prune")


def _remove_old_ones(repository: Repository) -> None:
    """Remove the worktrees of upgrades that were killed. No other upgrade runs now."""
    for line in repository.git("worktree", "list", "--porcelain").splitlines():
        path = Path(line.removeprefix("worktree "))
        if path.name == "tree" and path.parent.name.startswith(PREFIX):
            repository.try_git("worktree", "remove", "--force", str(path))
            shutil.rmtree(path.parent, ignore_errors=True)
    repository.git("worktree", "prune")


def check_out(tree: Repository, commit: str) -> None:
    """Make the worktree hold the files of a commit, and no others."""
    tree.git("checkout", "--quiet", "--force", "--detach", commit)
    tree.git("clean", "--quiet", "--force", "-d", "-x")


def run_python(
    folder: Path, *arguments: str, given: str = "", variables: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run Python with the packages of this copy on the code in `folder`."""
    kept = {name: text for name, text in os.environ.items() if name not in FOREIGN}
    own = {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONIOENCODING": "utf-8"}
    return subprocess.run(  # noqa: S603 - this Python on the code of the release
        [sys.executable, *arguments],
        cwd=folder,
        env=kept | own | dict(variables or {}),
        input=given,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )


def reason_of(failed: subprocess.CompletedProcess[str]) -> str:
    """Return the last line of an error, with advice if a package is missing."""
    lines = (failed.stderr or failed.stdout).strip().splitlines() or ["no message"]
    if lines[-1].startswith(MISSING):
        return f"The package {lines[-1].removeprefix(MISSING)} is not installed."
    return lines[-1]


def shape(
    copy: Copy, tree: Repository, commit: str, version: str, *parents: str
) -> tuple[str, Any]:
    """Return a commit of the release as this copy has it, and the script's report.

    Author and date are those of the release, so that the same commit results each time.
    """
    check_out(tree, commit)
    if not (tree.folder / SCRIPT).exists():
        raise UpgradeRefused(f"Release {version} has no {SCRIPT}, so it cannot take your name.")
    description = {
        "name": copy.record.name,
        "removed": list(copy.removed),
        "features": {name: str(folder) for name, folder in copy.own.items()},
        "permissions": str(copy.repository.folder / LEDGER),
    }
    done = run_python(
        tree.folder,
        str(SCRIPT),
        given=json.dumps(description),
        variables={"FLASK_CONFIG": "testing", "FEATURES_OFF": ""},
    )
    if done.returncode:
        raise UpgradeRefused(
            f"Release {version} cannot be given the name and features of this copy. "
            f"{reason_of(done)}\nIf a package is missing, install the release's first:\n"
            f"git show {commit[:12]}:requirements/common.txt > release.txt\n"
            "python -m pip install --no-build-isolation -r release.txt"
        )
    file = tree.folder / kit_record.FILE
    file.write_text(kit_record.like(file.read_text("utf-8"), copy.project), encoding="utf-8")
    message = f"Release {version} of the kit, as this copy has it"
    return commit_tree(tree, message, commit, *parents), json.loads(done.stdout)


def commit_tree(tree: Repository, message: str, like: str, *parents: str) -> str:
    """Commit all files of the worktree with the author and date of the commit `like`."""
    tree.git("add", "--all")
    name, email, date = tree.git("log", "-1", "--format=%an%n%ae%n%aI", like).splitlines()
    of = {"NAME": name, "EMAIL": email, "DATE": date}
    variables = {f"GIT_{who}_{key}": of[key] for who in ("AUTHOR", "COMMITTER") for key in of}
    options = [part for parent in parents for part in ("-p", parent)]
    written = tree.git("write-tree").strip()
    return tree.git("commit-tree", written, *options, "-m", message, variables=variables).strip()
