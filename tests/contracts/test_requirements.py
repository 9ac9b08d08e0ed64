"""The compiled requirements are complete, hashed, and name no place to fetch from."""

import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

FOLDER = Path(__file__).parents[2] / "requirements"
NAMES = ["common", "dev", "tools", "peers"]


def pins(name: str) -> dict[str, list[Requirement]]:
    """Return what a compiled file pins; a package can have a version for each Python."""
    found: dict[str, list[Requirement]] = {}
    for line in re.findall(
        r"^(\w.*?)(?: \\)?$", (FOLDER / f"{name}.txt").read_text(), re.MULTILINE
    ):
        requirement = Requirement(line)
        found.setdefault(canonicalize_name(requirement.name), []).append(requirement)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_what_is_asked_for_is_pinned_in_a_fitting_version(name: str) -> None:
    pinned = pins(name)
    for line in (FOLDER / f"{name}.in").read_text().splitlines():
        if not line.strip() or line.startswith(("#", "-")):
            continue
        asked = Requirement(line)
        for pin in pinned[canonicalize_name(asked.name)]:
            (specifier,) = pin.specifier
            assert specifier.operator == "=="
            assert asked.specifier.contains(specifier.version), line


@pytest.mark.parametrize("name", NAMES)
def test_every_pin_has_hashes(name: str) -> None:
    blocks = re.split(r"\n(?=\w)", (FOLDER / f"{name}.txt").read_text())[1:]
    assert blocks
    for block in blocks:
        assert "--hash=sha256:" in block, block.splitlines()[0]


@pytest.mark.parametrize("name", NAMES)
def test_no_index_and_no_host_is_named(name: str) -> None:
    text = (FOLDER / f"{name}.txt").read_text()
    assert not re.search(r"://|--index|--extra-index|--find-links|--trusted-host|file:| @ ", text)


def test_development_runs_what_is_deployed() -> None:
    development = pins("dev")
    for package, pinned in pins("common").items():
        assert list(map(str, development[package])) == list(map(str, pinned))
