"""Run `manage.py features remove` in a repository of its own with the files of this one."""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.kit import feature_removal
from app.kit.features import installed
from config import BASE_DIR

# These tests remove a feature with tables and settings, so it must exist.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif("imports" not in installed(), reason="The feature imports was removed."),
]

Run = Callable[..., subprocess.CompletedProcess[str]]
FAILING = """
import sys
from app.kit import feature_removal
from manage import cli

def fail(*_arguments):
    raise OSError("the disk is full")

feature_removal.example.written = fail
sys.argv[1:] = ["features", "remove", "imports", "--yes"]
cli()
"""


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Create a repository with a commit of the present files, and a database with all tables."""
    folder = tmp_path_factory.mktemp("clone")
    git(folder, "init", "--quiet")
    for name in git(BASE_DIR, "ls-files", "--cached", "--others", "--exclude-standard").split("\n"):
        if name and (BASE_DIR / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(BASE_DIR / name, folder / name)
    git(folder, "config", "user.name", "Ada")
    git(folder, "config", "user.email", "ada@example.com")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "Begin")
    upgraded = manage(folder, "db", "upgrade")
    assert upgraded.returncode == 0, upgraded.stderr
    return folder


def manage(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": os.environ["PATH"],
        "FLASK_CONFIG": "development",
        "DEV_DATABASE_URL": f"sqlite:///{folder / 'instance' / 'removal.sqlite'}",
    }
    return subprocess.run(
        [sys.executable, *(("manage.py",) if arguments[0] != "-c" else ()), *arguments],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture
def run(clone: Path) -> Iterator[Run]:
    yield lambda *arguments: manage(clone, *arguments)
    git(clone, "reset", "--quiet", "--hard", "HEAD")
    git(clone, "clean", "--quiet", "--force", "-d")
    assert manage(clone, "db", "upgrade").returncode == 0


def tables(clone: Path) -> set[str]:
    with sqlite3.connect(clone / "instance" / "removal.sqlite") as connection:
        return {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}


def test_a_feature_is_removed_whole(run, clone):
    removed = run("features", "remove", "imports", "--yes")
    assert removed.returncode == 0, removed.stderr
    assert not (clone / "app/features/imports").exists()
    assert not {"imports", "import_chunks", "import_results", "import_problems"} & tables(clone)
    assert "users" in tables(clone)
    assert "KEEP_IMPORTS" not in (clone / ".env.example").read_text()
    # Everything is staged: only a commit is left to do.
    assert not git(clone, "diff", "--name-only")
    assert not git(clone, "ls-files", "--others", "--exclude-standard")
    for words in ("Dropped imports,", "Removed app/features/imports", "make test"):
        assert words in removed.stdout
    listed = run("features", "list").stdout
    assert "imports" not in {line.split()[0] for line in listed.splitlines()}
    assert run("db", "upgrade").returncode == 0


def test_a_removal_that_fails_leaves_everything_as_it_was(run, clone):
    before = tables(clone)
    failed = run("-c", FAILING)
    assert failed.returncode != 0
    assert "the disk is full" in failed.stderr
    assert not git(clone, "status", "--porcelain")
    assert tables(clone) == before


def test_a_tree_with_changes_is_refused(run, clone):
    (clone / "note.txt").write_text("mine")
    refused = run("features", "remove", "imports", "--yes")
    assert refused.returncode == 1
    assert "The working tree has changes. Commit them first" in refused.stderr
    assert "note.txt" in refused.stderr
    assert (clone / "app/features/imports").exists()


def test_a_feature_that_other_code_imports_is_refused(run, clone):
    path = clone / "app/main/views.py"
    path.write_text(f"import app.features.imports\n{path.read_text()}")
    git(clone, "commit", "--quiet", "--all", "--message", "Rely on imports")
    refused = run("features", "remove", "imports", "--yes")
    git(clone, "reset", "--quiet", "--hard", "HEAD~")
    assert refused.returncode == 1
    assert "The application does not start without imports" in refused.stderr
    assert "imports" in tables(clone)


def test_nothing_is_removed_without_an_answer(run, clone):
    asked = run("features", "remove", "imports")
    assert "lose their rows for good" in asked.stdout
    assert asked.returncode == 1
    assert not git(clone, "status", "--porcelain")


def test_an_unknown_feature_is_refused(app):
    refused = app.test_cli_runner().invoke(args=["features", "remove", "nothing"])
    assert refused.exit_code == 1
    assert "There is no feature nothing. The features are " in refused.output


def test_a_feature_that_another_requires_is_refused(app):
    for one in installed().values():
        for name in one.requires:
            with pytest.raises(feature_removal.RemovalRefused, match=f"required by .*{one.name}"):
                feature_removal.check(name)


def test_rows_and_items_of_guides_go_with_the_feature(app):
    guide = """\
Text on `app/features/imports` stays.

| folder | what |
|---|---|
| `app/features/imports` | rows go |
| `app/features/importers` | stays |

- An item on [imports](../app/features/imports/README.md)
  goes with its second line.
- `KEEP_IMPORTS` goes too.
- Another item
  stays.
"""
    words = feature_removal._words(installed()["imports"])
    kept = "".join(feature_removal._without(guide.splitlines(keepends=True), words))
    assert (
        kept
        == """\
Text on `app/features/imports` stays.

| folder | what |
|---|---|
| `app/features/importers` | stays |

- Another item
  stays.
"""
    )
