"""Bring a release of the kit into a renamed copy with work of its own, and take it back."""

import shutil
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.kit.features import installed
from settings import kit_record
from tests.fixtures import releases
from tests.fixtures.clones import git, manage, of_the_kit
from tests.fixtures.releases import NAME, REMOVED, commit, edit, run

pytestmark = [
    pytest.mark.slow(minutes=3),
    of_the_kit,
    pytest.mark.skipif(
        not {*REMOVED, "audit"} <= {*installed()},
        reason="The features that the test removes are not there.",
    ),
]

# Runs the command, and kills it at a step: `{where}` is a function of `{module}`.
KILLED = """
import os
import signal
import sys
from upgrading import {module}

def stop(*_arguments, **_options):
    open(".git/index.lock", "w").close() if "{module}" == "applying" else None
    os.kill(os.getpid(), signal.SIGKILL)

{module}.{where} = stop
sys.argv[1:] = ["upgrade", "--no-database"]
from manage import cli
cli()
"""


AUDIT = "app/features/audit/README.md"


@pytest.fixture(scope="module")
def copies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the repositories `kit`, of two releases, and `product`."""
    folder = tmp_path_factory.mktemp("releases")
    releases.begin(folder / "kit", folder / "product")
    releases.work_on(folder / "product")
    releases.release(folder / "kit", "1.1.0")
    return folder


@pytest.fixture
def product(copies: Path) -> Iterator[Path]:
    """Return the copy, which is as before after the test."""
    folder = copies / "product"
    begin = git(folder, "rev-parse", "HEAD").strip()
    yield folder
    (folder / ".git" / "index.lock").unlink(missing_ok=True)
    (folder / ".git" / "kit-upgrade.json").unlink(missing_ok=True)
    git(folder, "reset", "--quiet", "--hard", begin)
    git(folder, "clean", "--quiet", "--force", "-d")


def state_of(folder: Path) -> tuple[str, str]:
    """Return the commit and the changes of a working tree."""
    return git(folder, "rev-parse", "HEAD"), git(folder, "status", "--porcelain")


def upgrade(folder: Path, *arguments: str, is_right: bool = True, **variables: str) -> str:
    done = manage(folder, "upgrade", *arguments, **variables)
    assert (done.returncode == 0) is is_right, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def text(folder: Path, name: str) -> str:
    return (folder / name).read_text(encoding="utf-8")


def meet_the_release(product: Path) -> None:
    """Change a line where the release adds one."""
    edit(product, AUDIT, text(product, AUDIT).splitlines()[0], "# Ours")
    commit(product, "Meet the release")


def record_the_release(folder: Path) -> None:
    project = folder / "pyproject.toml"
    project.write_text(kit_record.with_values(project.read_text(), {"version": "1.0.0"}))
    commit(folder, "Say what was copied")


def test_the_next_release_arrives_without_a_conflict(product: Path) -> None:
    before = state_of(product)
    own_changelog = text(product, "CHANGELOG.md")
    told = upgrade(product, "--dry-run")
    assert "no file was changed" in told
    assert state_of(product) == before

    told = upgrade(product)
    assert "conflict" not in told
    assert "New features: notes." in told
    assert "which joins your revisions and the release's" in told
    assert "The migrations ran on a copy of the database: 2 new." in told
    assert "Run `make lock`" not in told  # requirements/*.txt are nobody's
    assert not git(product, "status", "--porcelain")

    # Both sides are there, under the product's name.
    for name in releases.EDITED_BY_BOTH:
        assert "From release 1.1.0." in text(product, name)
        assert "Mine." in text(product, name)
    assert f"# {NAME}\n\nBetter than ever.\n" in text(product, "README.md")
    assert f'"name": "{NAME}",\n  "repository": "",' in text(product, "app.json")
    assert 'name = "acme-shop"' in text(product, "pyproject.toml")
    assert 'keywords = ["flask"]' in text(product, "pyproject.toml")
    assert "NOTES_MOST" in text(product, ".env.example")
    assert "[invoices](app/features/invoices)" in text(product, "README.md")
    assert "[notes](app/features/notes)" in text(product, "README.md")
    roles = text(product, "app/models/role.py")
    assert "READ_NOTES = 0x8000" in roles
    assert "MANAGE_INVOICES = 2**16" in roles
    # Removed files stay away, those of the copy as those of the release.
    assert not [name for name in REMOVED if (product / "app/features" / name).exists()]
    assert not (product / "docs/tables.md").exists()
    # The copy keeps its own version and changelog.
    assert text(product, "CHANGELOG.md") == own_changelog
    assert "Version 0.3.0, on release 1.1.0 of the kit" in run(product, "--version")
    branches = [line.split("(")[1] for line in run(product, "db", "heads").splitlines()]
    assert len(branches) == len({*branches})
    first, second = git(product, "log", "-1", "--format=%P").split()
    assert first == before[0].strip()
    assert "Release 1.1.0 of the kit" in git(product, "log", "-1", "--format=%s", second)

    assert "has 1.1.0 already" in upgrade(product, is_right=False)
    assert "is older than 1.1.0" in upgrade(product, "1.0.0", is_right=False)
    assert "is undone" in upgrade(product, "--undo")
    assert state_of(product) == before
    assert "no upgrade to undo" in upgrade(product, "--undo", is_right=False)


def test_conflicts_are_listed_by_feature_and_undone(product: Path) -> None:
    meet_the_release(product)
    releases.write_at(product, "docs/tables.md", "Mine.", end=True)
    shutil.rmtree(product / "app/features/content")  # by hand, and without the command
    commit(product, "Meet it again")
    before = state_of(product)
    told = upgrade(product, is_right=False)
    assert "2 files are in conflict." in told
    feature, guides = told.index("Feature audit ("), told.index("Guides:")
    assert feature < told.index(f"{AUDIT} (both changed)") < guides
    assert guides < told.index("docs/tables.md (deleted in the release)")
    assert "git rm docs/tables.md" in told
    assert "<<<<<<<" in text(product, AUDIT)
    assert "git is in the middle of a merge" in upgrade(product, is_right=False)
    assert "is undone" in upgrade(product, "--undo")
    assert state_of(product) == before
    assert not (product / ".git/MERGE_HEAD").exists()

    # Resolved and committed, it is a merge like the other, and its undo spares later work.
    upgrade(product, "--no-database", is_right=False)
    edit(product, AUDIT, "<<<<<<<", "Resolved <<<<<<<")
    git(product, "rm", "--quiet", "docs/tables.md")
    git(product, "commit", "--quiet", "--all", "--no-edit")
    assert git(product, "log", "-1", "--format=%s").startswith("Merge release 1.1.0")
    assert len(git(product, "log", "-1", "--format=%P").split()) == 2
    assert not (product / "app/features/content").exists()
    (product / "note.txt").write_text("mine")
    assert "has changes, which would be lost" in upgrade(product, "--undo", is_right=False)
    commit(product, "Go on")
    assert "Commits follow the upgrade" in upgrade(product, "--undo", is_right=False)


@pytest.mark.parametrize(
    ("module", "where"), [("merging", "_settle"), ("applying", "_mark_conflicts")]
)
def test_a_killed_upgrade_leaves_or_restores_the_files(
    product: Path, tmp_path: Path, module: str, where: str
) -> None:
    meet_the_release(product)
    before = state_of(product)
    killed = manage(product, "-c", KILLED.format(module=module, where=where), TMPDIR=str(tmp_path))
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    if module == "merging":
        assert state_of(product) == before
        assert list(tmp_path.iterdir())
        upgrade(product, "--dry-run", "--no-database")
        assert not list(tmp_path.iterdir())  # of the killed one
        return
    (product / ".git/index.lock").rename(product / ".git/apart")
    git(product, "rm", "--quiet", "--cached", "app/features/notes/README.md")  # not known yet
    (product / ".git/apart").rename(product / ".git/index.lock")
    assert "--undo" in upgrade(product, is_right=False)
    upgrade(product, "--undo")
    assert state_of(product) == before
    assert not (product / "app/features/notes/README.md").exists()


def test_an_impossible_upgrade_is_refused(product: Path, copies: Path, tmp_path: Path) -> None:
    before = state_of(product)
    assert "There is no release 9.0.0" in upgrade(product, "9.0.0", is_right=False)
    assert "A release has three numbers" in upgrade(product, "../1.1", is_right=False)
    assert "cannot be read" in upgrade(product, "--from", str(tmp_path), is_right=False)
    assert "is no URL" in upgrade(product, "--from=--upload-pack=x", is_right=False)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts, and never answers
        url = f"git://127.0.0.1:{silent.getsockname()[1]}/kit"
        code = (
            "import sys; from upgrading import releases; releases.ANSWER_SECONDS = 1; "
            f"sys.argv[1:] = ['upgrade', '--from', '{url}']; from manage import cli; cli()"
        )
        hangs = manage(product, "-c", code)
    assert "got no answer within 1 seconds" in hangs.stderr
    (product / "note.txt").write_text("mine")
    assert "The working tree has changes" in upgrade(product, is_right=False)
    (product / "note.txt").unlink()
    assert state_of(product) == before

    plain = tmp_path / "plain"
    shutil.copytree(product, plain, ignore=shutil.ignore_patterns(".git", "instance"))
    assert "no git repository" in upgrade(plain, is_right=False)
    no_git = tmp_path / "programs"
    no_git.mkdir()
    assert "git is not installed" in upgrade(plain, is_right=False, PATH=str(no_git))


def test_a_copy_without_history_takes_a_bundle(product: Path, copies: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "kit.bundle"
    git(copies / "kit", "bundle", "create", "--quiet", str(bundle), "--tags")
    loose = tmp_path / "loose"
    shutil.copytree(product, loose, ignore=shutil.ignore_patterns(".git"))
    git(loose, "init", "--quiet", "--initial-branch=main")
    releases.introduce(loose)
    commit(loose, "Begin without history")
    assert "No source of releases" in upgrade(loose, is_right=False)
    assert "from which release" in upgrade(loose, "--from", str(bundle), is_right=False)
    record_the_release(loose)
    assert "New features: notes." in upgrade(loose, "--from", str(bundle), "--no-database")
    assert not kit_record.read(loose).source  # the next bundle has another name
    assert not git(loose, "status", "--porcelain")


def test_a_shallow_copy_takes_a_release(copies: Path, tmp_path: Path) -> None:
    shallow = tmp_path / "shallow"
    source = (copies / "product").as_uri()
    git(tmp_path, "clone", "--quiet", "--depth=1", source, str(shallow))
    releases.introduce(shallow)
    url = (copies / "kit").as_uri()
    assert "git fetch --unshallow" in upgrade(shallow, "--from", url, is_right=False)
    record_the_release(shallow)
    assert "New features: notes." in upgrade(shallow, "--from", url, "--no-database")
    assert f'source = "{url}"' in text(shallow, "pyproject.toml")
    assert not git(shallow, "status", "--porcelain")
