"""Merge a release into the copy, in a temporary worktree."""

import shutil
from dataclasses import dataclass, field
from pathlib import Path

from settings import kit_record
from upgrading import heads, shaping
from upgrading.conflicts import Conflict, read_conflicts
from upgrading.repository import NAMESPACE, Repository, UpgradeRefused
from upgrading.shaping import Copy

PICTURE = "docs/images/rooms.svg"  # drawn from the code, so it is drawn again
LOCKS = "requirements/*.txt"


@dataclass
class Merged:
    """A merged tree. Without conflicts it has a commit; with conflicts its files have markers."""

    old: str
    new: str
    tree: str = ""
    commit: str = ""
    conflicts: list[Conflict] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def merge(copy: Copy, tree: Repository, old: str, new: str, version: str) -> Merged:
    """Merge the release `version` at the commit `new` into HEAD, which has the commit `old`.

    Both are shaped like the copy first. Only their differences are merged, so a conflict arises
    only where work on the kit meets work on the copy.
    """
    base, _ = shaping.shape(copy, tree, old, copy.record.version, old)
    theirs, report = shaping.shape(copy, tree, new, version, base, new)
    merged = Merged(base, theirs)
    for name, reason in report["gone"].items():
        if reason:
            merged.notes.append(f"The feature {name} of the release is left out. {reason}")
    label = f"{NAMESPACE}/release"
    copy.repository.git("update-ref", f"{NAMESPACE}/before", base)
    copy.repository.git("update-ref", label, theirs)
    shaping.check_out(tree, _ours(copy, tree, base))
    done = tree.try_git("merge", "--no-commit", "--no-ff", "--quiet", label)
    if done.returncode and not tree.path("MERGE_HEAD").exists():
        raise UpgradeRefused(f"git merge failed: {(done.stderr or done.stdout).strip()}")
    _settle(copy, tree, merged)
    _finish(copy, tree, merged, version)
    return merged


def _ours(copy: Copy, tree: Repository, base: str) -> str:
    """Return a commit of the copy's files that builds on the shaped old release.

    git finds the base of a merge in the parents. The files that the copy owns are as in the base.
    """
    shaping.check_out(tree, copy.repository.commit_of("HEAD"))
    file = tree.folder / kit_record.FILE
    file.write_text(kit_record.like(copy.project, copy.project), encoding="utf-8")
    in_base = not tree.try_git("cat-file", "-e", f"{base}:{PICTURE}").returncode
    if in_base and (tree.folder / PICTURE).exists():
        tree.git("checkout", "--quiet", base, "--", PICTURE)
    return shaping.commit_tree(tree, "This copy", base, base)


def _settle(copy: Copy, tree: Repository, merged: Merged) -> None:
    """Resolve the conflicts in files for which there is a rule."""
    kept, locks = [], []
    for conflict in read_conflicts(tree):
        if conflict.kind == "deleted here":
            tree.git("rm", "--quiet", "--force", "--ignore-unmatch", "--", conflict.path)
            kept.append(conflict.path)
        elif conflict.path == PICTURE or (
            Path(conflict.path).match(LOCKS) and conflict.kind.startswith("both")
        ):
            tree.git("checkout", "--quiet", "--theirs", "--", conflict.path)
            tree.git("add", "--", conflict.path)
            if conflict.path != PICTURE:
                locks.append(conflict.path)
    if kept:
        merged.notes.append(
            "You removed these files, so they stay removed, though the release changes them: "
            f"{', '.join(kept)}."
        )
    if locks or _are_edited(copy, merged.old, LOCKS):
        merged.notes.append(
            "You have packages of your own. Run `make lock` and commit, so that the lock files "
            "name them beside those of the release."
        )
    for name in copy.record.keep:
        changed = _are_edited(copy, merged.old, name)
        if changed and not tree.try_git("cat-file", "-e", f"HEAD:{name}").returncode:
            tree.git("checkout", "--quiet", "HEAD", "--", name)
            merged.notes.append(
                f"{name} is yours and stays as it is. The release's: "
                f"git show {NAMESPACE}/release:{name}"
            )


def _are_edited(copy: Copy, base: str, pattern: str) -> bool:
    """Return whether the copy changed files that the old release has."""
    options = ("--quiet", "--diff-filter=MD", base, "HEAD", "--", pattern)
    return copy.repository.try_git("diff", *options).returncode == 1


def _finish(copy: Copy, tree: Repository, merged: Merged, version: str) -> None:
    """Write what follows from the merged files, and commit unless there are conflicts."""
    merged.conflicts = read_conflicts(tree)
    in_conflict = {conflict.path for conflict in merged.conflicts}
    project = tree.folder / kit_record.FILE
    text = kit_record.with_table_of(project.read_text(encoding="utf-8"), copy.project)
    values = {"version": version} | ({"source": copy.record.source} if copy.record.source else {})
    project.write_text(kit_record.with_values(text, values), encoding="utf-8")
    _write_overviews(tree, merged, in_conflict)
    merged.notes += heads.join(tree.folder, version)
    merged.tree = _tree_of(tree, in_conflict)
    if not merged.conflicts:
        merged.commit = copy.repository.git(
            *("commit-tree", merged.tree, "-p", "HEAD", "-p", merged.new),
            *("-m", message(version)),
        ).strip()


def message(version: str) -> str:
    return f"Merge release {version} of the kit"


def _write_overviews(tree: Repository, merged: Merged, in_conflict: set[str]) -> None:
    """Draw the picture and write the tables that name all features."""
    picture = tree.folder / PICTURE
    had_picture, overviews = picture.exists(), ("README.md", ".env.example")
    before = {name: (tree.folder / name) for name in overviews if name in in_conflict}
    texts = {path: path.read_bytes() for path in before.values() if path.exists()}
    done = shaping.run_python(
        tree.folder,
        str(shaping.SCRIPT),
        given="{}",
        variables={"FLASK_CONFIG": "testing", "FEATURES_OFF": ""},
    )
    if done.returncode:
        merged.notes.append(
            f"The overviews of features could not be written: {shaping.reason_of(done)} Later: "
            "`python manage.py features env`, `python scripts/draw_rooms.py`"
        )
    if not had_picture:
        picture.unlink(missing_ok=True)
    for path, content in texts.items():
        path.write_bytes(content)


def _tree_of(tree: Repository, in_conflict: set[str]) -> str:
    """Return the tree of all files, with the markers of conflicts.

    The index keeps the sides of each conflict.
    """
    if not in_conflict:
        tree.git("add", "--all")
        return tree.git("write-tree").strip()
    index = tree.path("index")
    apart = index.with_name("kit-index")
    shutil.copy(index, apart)
    variables = {"GIT_INDEX_FILE": str(apart.resolve())}
    tree.git("add", "--all", variables=variables)
    return tree.git("write-tree", variables=variables).strip()
