"""Give each branch of migrations one head after a merge."""

import ast
import hashlib
from collections.abc import Iterator
from pathlib import Path

REVISION = '''"""Merge the revisions of release {version} with those of this copy

Revision ID: {revision}
Revises: {revises}
"""

revision = "{revision}"
down_revision = ({quoted})
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
'''


def join(folder: Path, version: str) -> list[str]:
    """Write a revision that joins the heads of each branch with two or more, and say so.

    The revisions are read and not imported, because they may need a package that is missing.
    """
    notes = []
    for migrations in [folder / "migrations" / "versions", *_of_features(folder)]:
        revisions: dict[str, tuple[str, ...]] = {}
        for path in sorted(migrations.glob("*.py")):
            revision, before = _read(path)
            if revision in revisions:
                notes.append(
                    f"PROBLEM: two files in {migrations.relative_to(folder)} have the revision "
                    f"{revision}. Give yours another one, there and in what builds on it."
                )
            if revision:
                revisions[revision] = before
        passed = {one for before in revisions.values() for one in before}
        heads = sorted(revision for revision in revisions if revision not in passed)
        if len(heads) > 1:
            name = hashlib.sha256(" ".join(heads).encode()).hexdigest()[:12]
            path = migrations / f"{name}_merge_release_{version.replace('.', '_')}.py"
            quoted = ", ".join(f'"{head}"' for head in heads)
            path.write_text(
                REVISION.format(
                    version=version, revision=name, revises=", ".join(heads), quoted=quoted
                ),
                encoding="utf-8",
            )
            notes.append(
                f"Wrote {path.relative_to(folder)}, which joins your revisions and the release's."
            )
    return notes


def _of_features(folder: Path) -> Iterator[Path]:
    yield from sorted((folder / "app" / "features").glob("*/migrations"))


def _read(path: Path) -> tuple[str, tuple[str, ...]]:
    """Return the revision in a file and those that it builds on, or "" if it has none."""
    values = {}
    try:
        body = ast.parse(path.read_text(encoding="utf-8")).body
        for node in body:
            if isinstance(node, ast.AnnAssign) and node.value:
                values[ast.unparse(node.target)] = ast.literal_eval(node.value)
            elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]).endswith("revision"):
                values[ast.unparse(node.targets[0])] = ast.literal_eval(node.value)
    except (SyntaxError, ValueError):
        return "", ()
    before = values.get("down_revision") or ()
    return values.get("revision") or "", (before,) if isinstance(before, str) else tuple(before)
