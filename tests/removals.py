"""Remove features in clones, and run the checks and the tests of what remains: `make removals`.

A feature that is needed by accident fails where it is gone while the other is there. Removing each
feature by itself would take a clone for each. Here a clone loses half of the features, and the
clones are chosen so that each feature is gone from one in which each other feature remains.

`python -m tests.removals` tries all clones, `python -m tests.removals 1 3` the first and the third,
and `--list` names the features that each loses. `--contracts` leaves out the other tests.
"""

import itertools
import math
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Iterator, Mapping
from functools import reduce
from operator import or_
from pathlib import Path

from settings import manifests
from tests.fixtures.clones import git, manage

ROOT = Path(__file__).parents[1]
# How often, and for how many steps, codes of a length are looked for before longer ones are.
STARTS, STEPS = 3, 1500
CHECKS = (
    ("ruff", "format", "--check", "--no-cache", "."),
    ("ruff", "check", "--no-cache", "."),
    ("mypy",),
    ("pytest", "-q", "-p", "no:cacheprovider", "tests/contracts"),
)
TESTS = (
    *("pytest", "-q", "-p", "no:cacheprovider", "-n", "auto", "--dist", "worksteal"),
    "--ignore=tests/contracts",
)

Requires = Mapping[str, Collection[str]]


def needed_by(name: str, requires: Requires) -> set[str]:
    """Return the features that a feature requires, and those that these require."""
    found: set[str] = set()
    following = [name]
    while following:
        more = {*requires[following.pop()]} - found
        found |= more
        following += more
    return found


def groups(requires: Requires) -> list[set[str]]:
    """Return few sets of features, so that each is in one without each other feature.

    Each feature gets a code of some bits, and a set for each bit has the features with that bit and
    those that require them. One code must not contain another.
    """
    if not requires:
        return []
    names = sorted(requires)
    needs = {name: needed_by(name, requires) for name in names}
    pairs = [
        (one, other) for one in names for other in names if one != other and one not in needs[other]
    ]
    # Sperner's theorem tells how many codes of a length do not contain each other.
    least = next(bits for bits in itertools.count(1) if math.comb(bits, bits // 2) >= len(names))
    for bits in itertools.count(least):
        for start in range(STARTS):
            # The same features make the same groups.
            codes = _codes(needs, pairs, bits, random.Random(start))  # noqa: S311
            if codes:
                return [{name for name in names if codes[name] & 1 << bit} for bit in range(bits)]
    raise AssertionError("a code of a bit for each feature is always found")


def _codes(
    needs: Mapping[str, set[str]], pairs: list[tuple[str, str]], bits: int, chance: random.Random
) -> dict[str, int] | None:
    """Change random codes until none contains another, or return None."""
    most = bits // 2 + 1
    own = {
        name: sum(1 << bit for bit in chance.sample(range(bits), chance.randrange(1, most + 1)))
        for name in needs
    }
    fewest = len(pairs) + len(own)
    for _step in range(STEPS):
        name = chance.choice(sorted(own))
        before = own[name]
        for _flip in range(chance.choice((1, 1, 2))):
            own[name] ^= 1 << chance.randrange(bits)
        codes = {one: reduce(or_, (own[two] for two in needs[one]), own[one]) for one in own}
        wrong = sum(not codes[one] & ~codes[other] for one, other in pairs)
        wrong += sum(not code for code in codes.values())
        if not wrong:
            return codes
        if wrong <= fewest:
            fewest = wrong
        else:
            own[name] = before
    return None


def problems(folder: Path, gone: Collection[str], *, only_contracts: bool) -> Iterator[str]:
    """Remove the features in a new clone at `folder`, and yield the output of what fails."""
    git(ROOT, "clone", "--quiet", str(ROOT), str(folder))
    # mypy reads again the files that changed alone.
    if (ROOT / ".mypy_cache").is_dir():
        shutil.copytree(ROOT / ".mypy_cache", folder / ".mypy_cache")
    git(folder, "config", "user.name", "Ada")
    git(folder, "config", "user.email", "ada@example.com")
    for command in (("db", "upgrade"), ("build_assets",)):
        done = manage(folder, *command)
        assert done.returncode == 0, done.stderr
    for name in reversed(manifests.read()):  # each before the features that it requires
        if name in gone:
            removed = manage(folder, "features", "remove", name, "--yes")
            say(f"  removed {name}")
            if removed.returncode:
                yield f"features remove {name}: {removed.stdout}{removed.stderr}"
                return
            git(folder, "commit", "--quiet", "--all", "--message", f"Remove {name}")
    for arguments in (*CHECKS, *(() if only_contracts else (TESTS,))):
        began = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", *arguments],
            cwd=folder, capture_output=True, text=True, check=False,
        )  # fmt: skip
        say(f"  {' '.join(arguments)}: {done.returncode} ({time.monotonic() - began:.0f} s)")
        if done.returncode:
            yield f"{' '.join(arguments)}: {done.stdout[-8000:]}{done.stderr[-2000:]}"


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main(*arguments: str) -> int:
    requires = {name: one.requires for name, one in manifests.read().items()}
    found = groups(requires)
    chosen = [int(one) for one in arguments if one.isdecimal()] or range(1, len(found) + 1)
    has_failed = False
    for number in chosen:
        gone = sorted(found[number - 1])
        say(f"Clone {number} of {len(found)}, without {', '.join(gone)}")
        if "--list" in arguments:
            continue
        with tempfile.TemporaryDirectory() as temporary:
            contracts = "--contracts" in arguments
            for problem in problems(Path(temporary, "clone"), gone, only_contracts=contracts):
                has_failed = True
                say(f"FAILED, without {', '.join(gone)}: {problem}")
    return int(has_failed)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
