"""Bring a merged tree into the copy, and take it back."""

import fcntl
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from upgrading.merging import Merged, message
from upgrading.repository import Repository, UpgradeRefused

STATE = "kit-upgrade.json"
LOCK = "kit-upgrade.lock"


@dataclass(frozen=True)
class State:
    """The last upgrade, as it is kept below .git until the next."""

    version: str
    before: str
    tree: str
    new: str
    began: float
    is_whole: bool = False
    """Whether all files were written. If not, the upgrade was killed."""

    def write(self, path: Path) -> None:
        apart = path.with_suffix(".new")
        apart.write_text(json.dumps(asdict(self)), encoding="utf-8")
        apart.replace(path)


def read_state(repository: Repository) -> State | None:
    path = repository.path(STATE)
    try:
        return State(**json.loads(path.read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return None


@contextmanager
def locked(repository: Repository) -> Iterator[None]:
    """Let one upgrade run at a time. The lock ends with the process, however it ends."""
    with repository.path(LOCK).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UpgradeRefused("Another upgrade of this copy is running.") from None
        yield


def ensure_whole(repository: Repository) -> None:
    """Raise UpgradeRefused if the last upgrade was killed while it wrote files."""
    state = read_state(repository)
    if state and not state.is_whole and state.before == repository.commit_of("HEAD"):
        raise UpgradeRefused(
            f"The upgrade to {state.version} was interrupted. First: "
            "python manage.py upgrade --undo"
        )


def apply(repository: Repository, merged: Merged, version: str) -> None:
    """Write a merged tree into the copy: as a commit, or as a merge with conflicts."""
    before = repository.commit_of("HEAD")
    path = repository.path(STATE)
    state = State(version, before, merged.tree, merged.new, time.time())
    state.write(path)
    try:
        if merged.commit:
            repository.git("merge", "--quiet", "--ff-only", merged.commit)
        else:
            repository.git("read-tree", "-m", "-u", "HEAD", merged.tree)
            _mark_conflicts(repository, merged, version)
    except UpgradeRefused:
        if repository.commit_of("HEAD") == before and _is_clean(repository):
            path.unlink()
        raise
    State(**{**asdict(state), "is_whole": True}).write(path)


def _is_clean(repository: Repository) -> bool:
    return not repository.git("status", "--porcelain").strip()


def _mark_conflicts(repository: Repository, merged: Merged, version: str) -> None:
    """Tell git which files are in conflict, as after a merge that has stopped."""
    entries = []
    for conflict in merged.conflicts:
        entries += [f"0 {'0' * 40} 0\t{conflict.path}", *conflict.sides]
    repository.git("update-index", "-z", "--index-info", given="\0".join(entries) + "\0")
    repository.path("MERGE_MSG").write_text(f"{message(version)}\n", encoding="utf-8")
    repository.path("MERGE_MODE").write_text("no-ff", encoding="utf-8")
    repository.path("MERGE_HEAD").write_text(f"{merged.new}\n", encoding="utf-8")


def undo(repository: Repository) -> str:
    """Take the last upgrade back and return what was done. Raises UpgradeRefused."""
    state = read_state(repository)
    if not state:
        raise UpgradeRefused("There is no upgrade to undo.")
    if not state.is_whole or repository.path("MERGE_HEAD").exists():
        return _reset(repository, state)
    parents = repository.git("log", "-1", "--format=%P", "HEAD").split()
    if parents != [state.before, state.new]:
        raise UpgradeRefused(
            f"Commits follow the upgrade to {state.version}, or another branch is checked out, so "
            "nothing was changed. Take it back with a commit: git log --merges -1 shows the merge, "
            "and git revert --mainline 1 MERGE reverts it."
        )
    if not _is_clean(repository):
        raise UpgradeRefused(
            "The working tree has changes, which would be lost. Commit or stash them first."
        )
    return _reset(repository, state)


def _reset(repository: Repository, state: State) -> str:
    """Make the files those of the commit before the upgrade. Raises UpgradeRefused."""
    if repository.commit_of("HEAD") not in (state.before, _merge_of(repository, state)):
        raise UpgradeRefused(
            "Commits follow the interrupted upgrade, so nothing was changed. "
            f"git diff {state.before[:12]} shows the difference."
        )
    lock = repository.path("index.lock")
    # Only the upgrade that was killed can have left it, because it holds the lock of upgrades.
    if not state.is_whole and lock.exists() and lock.stat().st_mtime >= state.began - 1:
        lock.unlink()
    repository.git("reset", "--quiet", "--hard", state.before)
    _remove_added(repository, state)
    repository.path(STATE).unlink()
    return f"The upgrade to {state.version} is undone. The files are as before."


def _merge_of(repository: Repository, state: State) -> str:
    """Return HEAD if it is the merge of this upgrade, or ""."""
    parents = repository.git("log", "-1", "--format=%P", "HEAD").split()
    return repository.commit_of("HEAD") if parents == [state.before, state.new] else ""


def _remove_added(repository: Repository, state: State) -> None:
    """Remove the files that an interrupted upgrade wrote before git knew them.

    The tree was clean, so none of these names was a file of the developer's.
    """
    options = ("--name-only", "--no-renames", "--diff-filter=A", "-z")
    added = repository.git("diff", *options, state.before, state.tree).split("\0")
    ignored = set(
        repository.try_git("check-ignore", "-z", "--stdin", given="\0".join(added)).stdout.split(
            "\0"
        )
    )
    for name in added:
        path = repository.folder / name
        if name and name not in ignored and (path.is_file() or path.is_symlink()):
            path.unlink()
            for parent in path.parents:
                if parent == repository.folder or any(parent.iterdir()):
                    break
                parent.rmdir()
