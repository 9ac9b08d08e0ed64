"""The compiled requirements are complete, hashed and closed, and name no package index."""

import re
import sys
from collections.abc import Iterator
from functools import cache
from importlib.metadata import Distribution, distributions
from itertools import product
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "requirements"
NAMES = ["common", "dev", "installer", "tools", "peers", "docs"]

# Environments with the metadata of a lock's packages. `make tools peers docs` makes three of them.
INSTALLED_IN = {
    "common": ".venv",
    "dev": ".venv",
    "tools": ".venv-tools",
    "peers": ".venv-peers",
    "docs": ".venv-docs",
}

# Every kind of machine that the set-up supports, in the markers of requirements.
MACHINES = [
    {
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "os_name": "posix",
        "python_full_version": python,
        "python_version": ".".join(python.split(".")[:2]),
        "sys_platform": system,
        "platform_system": system.capitalize(),
        "platform_machine": machine,
    }
    for python, (system, machine) in product(
        ["3.11.2", "3.11.9", "3.12.1", "3.13.0", "3.14.0"],
        [("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "x86_64"), ("darwin", "arm64")],
    )
]


def pins(name: str) -> dict[str, list[Requirement]]:
    """Return the pins of a compiled file; a package can have a version for each Python."""
    found: dict[str, list[Requirement]] = {}
    for line in re.findall(
        r"^(\w.*?)(?: \\)?$", (FOLDER / f"{name}.txt").read_text(), re.MULTILINE
    ):
        requirement = Requirement(line)
        found.setdefault(canonicalize_name(requirement.name), []).append(requirement)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_each_requirement_is_pinned_to_a_matching_version(name: str) -> None:
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


parsed = cache(Requirement)


@cache
def facts(distribution: Distribution) -> tuple[str, str, list[str]]:
    """Return name, version and requirements, each of which parses the metadata anew."""
    return canonicalize_name(distribution.name), distribution.version, distribution.requires or []


def applies(requirement: Requirement, machine: dict[str, str], extras: set[str]) -> bool:
    """Tell whether a requirement of a package applies on `machine`, with these extras."""
    marker = requirement.marker
    return marker is None or any(
        marker.evaluate({**machine, "extra": extra}) for extra in extras or {""}
    )


def unmet(
    pinned: dict[str, list[Requirement]], found: list[Distribution], machine: dict[str, str]
) -> Iterator[str]:
    """Yield the requirements of the distributions that no pin meets on a machine."""
    pins_here = {
        package: [pin for pin in choices if applies(pin, machine, set())]
        for package, choices in pinned.items()
    }
    for distribution in found:
        name, version, requirements = facts(distribution)
        pin = next(iter(pins_here[name]), None)
        if pin is None or not pin.specifier.contains(version):
            continue  # this pin is for another machine, which has one of its own
        for line in requirements:
            wanted = parsed(line)
            if applies(wanted, machine, pin.extras) and not any(
                wanted.specifier.contains(next(iter(there.specifier)).version, prereleases=True)
                and set(map(canonicalize_name, wanted.extras))
                <= set(map(canonicalize_name, there.extras))
                for there in pins_here.get(canonicalize_name(wanted.name), [])
            ):
                yield f"{pin} wants {line} (Python {machine['python_full_version']})"


def installed(name: str) -> dict[str, Distribution]:
    """Return the installed packages of a lock, by name, or none if its environment is missing."""
    if name in ("common", "dev"):
        paths = sys.path
    else:
        paths = list(map(str, ROOT.glob(f"{INSTALLED_IN[name]}/lib/python*/site-packages")))
    return {canonicalize_name(one.name): one for one in distributions(path=paths)}


@pytest.mark.parametrize("name", ["common", "dev", "tools", "peers", "docs"])
def test_an_extra_that_a_pinned_package_wants_is_pinned_with_it(name: str) -> None:
    """A lock is closed: it pins every requirement of its packages, including extras.

    Pips before 23.3 do not apply the pin of `coverage` to `coverage[toml]`. Once a newer coverage
    is published, they refuse the whole lock.
    """
    pinned, found = pins(name), installed(name)
    if not found:
        pytest.skip(f"`make {name}` makes {INSTALLED_IN[name]}, which is not there.")
    # A pin with a marker may be meant for another machine.
    missing = {package for package, (pin, *_) in pinned.items() if pin.marker is None} - set(found)
    assert not missing, f"make {'setup' if INSTALLED_IN[name] == '.venv' else name}"
    here = [found[package] for package in pinned if package in found]
    problems = {problem for machine in MACHINES for problem in unmet(pinned, here, machine)}
    assert not problems, "\n".join(sorted(problems))


def test_the_installer_needs_nothing_that_its_lock_lacks() -> None:
    """Any pip can install packages without requirements."""
    pinned = pins("installer")
    assert set(pinned) == {"pip", "setuptools"}
    assert list(map(str, pinned["setuptools"])) == list(map(str, pins("common")["setuptools"]))
    for package in pinned:
        lines = installed("dev")[package].requires or []
        assert all("extra ==" in line for line in lines)


@pytest.mark.parametrize("path", ["README.md", "Dockerfile", "docs/deploy-linux.md"])
def test_the_pinned_installer_comes_before_every_other_lock(path: str) -> None:
    """The pip of a Python or an image installs only the pinned pip."""
    commands = re.findall(
        r"pip install .*?-r requirements/(\w+)\.txt", (ROOT / path).read_text().replace("\\\n", "")
    )
    assert commands
    assert commands[::2] == ["installer"] * len(commands[::2])
    assert "installer" not in commands[1::2]
    assert len(commands) % 2 == 0
