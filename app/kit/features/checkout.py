"""Run git, and write the files outside of a feature's folder that follow from the features."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from app.kit.features import FOLDER
from app.kit.generator import ledger
from app.kit.generator.refusal import Refused
from settings import example, manifests
from settings.manifests import Manifest, NewPermission
from settings.reader import BASE_DIR
from settings.toml_table import shown

COMMAND = re.compile(r"@\w+\.(?:command|group)\(\"([a-z_]+)\"")
NEEDS = re.compile(r"^# Needs the features: (.+)$", re.MULTILINE)  # in a program of `examples`
AFTER_NAME = re.compile(r"[<>=!~;\[ ]")  # what may follow the name of a package
REQUIREMENTS = BASE_DIR / "requirements" / "common.in"
ROOMS = "scripts/draw_rooms.py"  # draws the picture of the features, and their table
CHANGED = (
    "The working tree has changes. Commit them first, so that this is a commit of its own and "
)


class CommandRefused(Exception):
    """A feature cannot be added or removed, and nothing was changed. The message says why."""


@dataclass
class Report:
    """The finished steps of a command, and the steps left to do by hand."""

    done: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


def ensure_clean() -> None:
    """Raise CommandRefused if the working tree has changes."""
    # Git's setting may hide new files, which a later step would remove.
    if changed := git("status", "--porcelain", "--untracked-files=normal").strip():
        raise CommandRefused(f"{CHANGED}can be undone:\n{changed}")


@contextmanager
def restored_after_failure(*added: Path) -> Iterator[None]:
    """Undo all changes of tracked files, and remove the folders `added`, if a step fails.

    The signals that end a process raise SystemExit meanwhile.
    """
    before = {number: signal.signal(number, _exit) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    except BaseException:
        git("restore", "--staged", "--worktree", "--source=HEAD", ".")
        for folder in added:
            shutil.rmtree(folder, ignore_errors=True)
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _exit(number: int, _frame: object) -> None:
    sys.exit(128 + number)


def path_of(name: str) -> str:
    """Return the folder of a feature, relative to the project's."""
    return shown(FOLDER / name)


def commands_in(folder: Path) -> list[str]:
    """Return the names of the commands of a feature."""
    return [name for file in folder.glob("*.py") for name in COMMAND.findall(_read(file))]


def examples_of(name: str) -> list[Path]:
    """Return the programs in `examples` that say that they need a feature."""
    return [
        path
        for path in sorted((BASE_DIR / "examples").glob("*.py"))
        if (found := NEEDS.search(_read(path))) and name in found[1].split(", ")
    ]


def write_overviews() -> None:
    """Write `.env.example`, the README's table of features and the picture of the rooms."""
    example.PATH.write_text(
        example.written(_read(example.PATH), manifests.read(FOLDER)), encoding="utf-8"
    )
    run(sys.executable, ROOMS)


def with_permissions(permissions: Iterable[NewPermission]) -> str:
    """Return the ledger of bits with more permissions. Raises CommandRefused."""
    text = _read(ledger.FILE)
    for permission in permissions:
        known = ledger.bits(text)
        if permission.constant in known:
            raise CommandRefused(f"The permission {permission.constant} is taken.")
        owner = next((name for name, place in known.items() if place == permission.bit), "")
        if owner and permission.bit:
            raise CommandRefused(
                f"The bit 2**{permission.bit} of {permission.constant} is taken by {owner}."
            )
        try:
            bit = permission.bit or ledger.free_bit(text)
        except Refused as error:
            raise CommandRefused(str(error)) from None
        text = ledger.with_permission(
            text,
            permission.constant,
            bit,
            permission.name,
            permission.sentence,
            opens_admin=permission.opens_admin,
        )
    return text


def write_permissions(permissions: Iterable[NewPermission]) -> None:
    """Add permissions to the ledger of bits. Raises CommandRefused."""
    ledger.FILE.write_text(with_permissions(permissions), encoding="utf-8")


def remove_permissions(constants: Iterable[str]) -> None:
    """Remove permissions from the ledger of bits."""
    text = _read(ledger.FILE)
    for constant in constants:
        text = ledger.without_permission(text, constant)
    ledger.FILE.write_text(text, encoding="utf-8")


def write_packages(name: str, packages: Iterable[str]) -> None:
    """Add the packages of a feature to requirements/common.in, below a line that names it."""
    block = "\n".join(["", _heading(name), *packages, ""])
    REQUIREMENTS.write_text(_read(REQUIREMENTS) + block, encoding="utf-8")


def remove_packages(name: str) -> list[str]:
    """Remove the packages that `write_packages` added, and return them."""
    text = _read(REQUIREMENTS)
    before, heading, block = text.partition(f"\n{_heading(name)}\n")
    if not heading:
        return []
    packages, gap, after = block.partition("\n\n")
    REQUIREMENTS.write_text(before + (gap and f"\n{after}"), encoding="utf-8")
    return packages.split()


def missing_packages(feature: Manifest) -> Iterator[str]:
    """Yield the packages of a feature that requirements/common.in does not name."""
    named = {AFTER_NAME.split(line)[0].lower() for line in _read(REQUIREMENTS).splitlines()}
    yield from (name for name in feature.packages if name.partition("[")[0].lower() not in named)


def git(*arguments: str, may_fail: bool = False) -> str:
    """Run git in the project's folder and return its output. Raises CommandRefused."""
    try:
        done = run("git", *arguments)
    except FileNotFoundError:
        raise CommandRefused("git is not installed, so nothing could be undone.") from None
    if done.returncode and not may_fail:
        raise CommandRefused(f"git {arguments[0]} failed: {done.stderr.strip()}")
    return done.stdout


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - the commands of this package, on a known feature
        command, cwd=BASE_DIR, capture_output=True, text=True, check=False
    )


def _heading(name: str) -> str:
    return f"# {path_of(name)}"


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")
