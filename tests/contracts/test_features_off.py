"""The app starts without each feature, and all remaining pages answer."""

import json
import subprocess
import sys
from functools import cache

import pytest

from app.kit.features import installed
from config import BASE_DIR


def together(name: str) -> list[str]:
    """Return a feature and all features that require it, directly or indirectly."""
    found = {name}
    for one in installed().values():  # each feature comes after those that it requires
        if found & set(one.requires):
            found.add(one.name)
    return sorted(found)


ON = sorted(name for name, manifest in installed().items() if not manifest.off)
EACH = [together(name) for name in ON]


@cache
def problems(all_at_once: bool) -> list[str]:
    """Run the combinations in one process, which imports the libraries once."""
    cases = [ON] if all_at_once else EACH
    tried = subprocess.run(
        [sys.executable, "-m", "tests.without_features", json.dumps(cases)],
        cwd=BASE_DIR, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if tried.returncode:
        pytest.fail(f"tests.without_features ended with an error:\n{tried.stderr}")
    return tried.stdout.splitlines()


def ensure_nothing_breaks(off: list[str], all_at_once: bool) -> None:
    beginning = f"Without {', '.join(off)}: "
    lines = problems(all_at_once)
    broken = [line.removeprefix(beginning) for line in lines if line.startswith(beginning)]
    assert not broken, (
        f"With {', '.join(off)} removed the rest breaks, or speaks of it. Let the feature plug in "
        "through app.kit.slots, or name it in `requires` of a feature.toml. Words with another "
        "meaning without it do not belong into its tests/words.txt."
    )


def test_the_app_starts_without_any_feature() -> None:
    ensure_nothing_breaks(ON, all_at_once=True)


@pytest.mark.slow(minutes=2)
@pytest.mark.parametrize("off", EACH, ids=" ".join)
def test_the_app_starts_without(off: list[str]) -> None:
    ensure_nothing_breaks(off, all_at_once=False)
