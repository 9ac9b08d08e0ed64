"""List the conflicts of a merge by feature, each with the next step."""

import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from upgrading.repository import NAMESPACE, Repository

# By the sides that the index has of a file: 1 the old release, 2 this copy, 3 the new release.
KINDS = {
    "123": "both changed",
    "23": "both added",
    "13": "deleted here",
    "1": "deleted here",
    "12": "deleted in the release",
    "2": "moved",
    "3": "moved",
}
STEPS = {
    "both changed": "Edit it: keep your change and the release's. Then: git add {path}",
    "both added": (
        "You and the release each added this file. Edit it, or move yours. Then: git add {path}"
    ),
    "deleted in the release": (
        "The release has removed it, and you had changed it. Without it: git rm {path}. "
        "With your file: git add {path}"
    ),
    "moved": "It was moved in two ways. Keep one: git add or git rm {path}",
}
AREAS = (
    ("app/kit/", "The kit"),
    ("settings/", "The kit"),
    ("upgrading/", "The kit"),
    ("app/", "The core"),
    ("migrations/", "The core"),
    ("config.py", "The core"),
    ("tests/", "Tests"),
    ("docs/", "Guides"),
    ("requirements", "Packages"),
)


@dataclass(frozen=True)
class Conflict:
    """A file that is in conflict, and the way in which it is."""

    path: str
    kind: str
    sides: tuple[str, ...] = ()
    """The lines of the index about it."""

    @property
    def step(self) -> str:
        return STEPS[self.kind].format(path=self.path)

    @property
    def needs_code(self) -> bool:
        """Return whether the application may not start until this is resolved."""
        return self.path.endswith((".py", ".toml", ".ini", ".txt"))


def read_conflicts(tree: Repository) -> list[Conflict]:
    """Return the conflicts in the index of a working tree, by path."""
    sides: dict[str, list[str]] = {}
    for entry in tree.git("ls-files", "--unmerged", "-z").split("\0"):
        if entry:
            sides.setdefault(entry.partition("\t")[2], []).append(entry)
    return [
        Conflict(path, KINDS.get(_stages(lines), "both changed"), tuple(lines))
        for path, lines in sorted(sides.items())
    ]


def _stages(lines: Sequence[str]) -> str:
    return "".join(sorted(line.partition("\t")[0].split()[2] for line in lines))


def area_of(path: str, folder: Path) -> str:
    """Return the title of the feature, or the name of the part, that a file belongs to."""
    parts = Path(path).parts
    if parts[:2] == ("app", "features") and len(parts) > 3:
        try:
            told = tomllib.loads((folder / Path(*parts[:3]) / "feature.toml").read_text("utf-8"))
            return f"Feature {parts[2]} ({told['title']})"
        except (OSError, ValueError, KeyError):
            return f"Feature {parts[2]}"
    return next((area for begin, area in AREAS if path.startswith(begin)), "The rest")


def lines(conflicts: Sequence[Conflict], folder: Path) -> Iterator[str]:
    """Yield the lines that list conflicts by feature, with what to do about each."""
    by_area: dict[str, list[Conflict]] = {}
    for conflict in conflicts:
        by_area.setdefault(area_of(conflict.path, folder), []).append(conflict)
    for area in sorted(by_area, key=lambda area: (not area.startswith("Feature"), area)):
        yield f"{area}:"
        for conflict in by_area[area]:
            yield f"  {conflict.path} ({conflict.kind})"
            yield f"    {conflict.step}"
            yield f"    The release's change: {change_of(conflict.path)}"


def change_of(path: str) -> str:
    return f"git diff {NAMESPACE}/before {NAMESPACE}/release -- {path}"
