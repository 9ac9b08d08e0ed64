"""Add each feature of `examples` to a clone, run all checks, and remove it without a trace."""

import subprocess
import sys
from pathlib import Path

import pytest

from config import BASE_DIR
from tests.contracts.test_recipes import CONTRACTS
from tests.fixtures.clones import git, manage, put_back, save_database

EXAMPLES = sorted(path.parent.name for path in BASE_DIR.glob("examples/*/feature.toml"))
# The lock is compiled from an index of packages, which tests do not reach.
CHOSEN = (*CONTRACTS, "boundaries", "closure", "features_off", "reading", "token_pages")
NOT_FOR_FEATURES = "not refused and not careful and not methods"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=EXAMPLES)
def example(request: pytest.FixtureRequest, clone: Path) -> str:
    """Return the name of an example that was added to the clone and committed."""
    name: str = request.param
    added = manage(clone, "features", "add", f"examples/{name}")
    assert added.returncode == 0, added.stderr
    for command in ("db upgrade", "build_assets"):
        done = manage(clone, *command.split())
        assert done.returncode == 0, done.stderr
    git(clone, "commit", "--quiet", "--message", f"Add {name}")
    return name


def problems(clone: Path, *arguments: str) -> str:
    """Run a module in the clone, and return its output if it fails."""
    done = subprocess.run(
        [sys.executable, "-m", *arguments], cwd=clone, capture_output=True, text=True, check=False
    )
    return f"{done.stdout}\n{done.stderr}" if done.returncode else ""


def test_an_example_passes_lint_and_types(clone: Path, example: str) -> None:
    assert not problems(clone, "ruff", "check", "--no-cache", ".")
    assert not problems(clone, "ruff", "format", "--check", "--no-cache", ".")
    assert not problems(clone, "mypy")


def test_an_example_passes_its_tests(clone: Path, example: str) -> None:
    done = manage(clone, "test", "-q", "-p", "no:cacheprovider", f"app/features/{example}")
    assert done.returncode == 0, done.stdout


def test_an_example_passes_the_contracts(clone: Path, example: str) -> None:
    files = [f"tests/contracts/test_{name}.py" for name in CHOSEN]
    done = manage(clone, "test", "-q", "-p", "no:cacheprovider", *files, "-k", NOT_FOR_FEATURES)
    assert done.returncode == 0, done.stdout


def test_an_example_goes_without_a_trace(clone: Path, example: str) -> None:
    before = git(clone, "rev-parse", "HEAD~^{tree}")
    saved = save_database(clone)
    removed = manage(clone, "features", "remove", example, "--yes")
    tree = git(clone, "write-tree")
    git(clone, "reset", "--quiet", "--hard", "HEAD")
    put_back(clone, saved)
    assert removed.returncode == 0, removed.stderr
    assert tree == before
