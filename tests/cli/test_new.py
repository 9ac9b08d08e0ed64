"""Run `manage.py new` in a copy with a name of its own, and take what it wrote out again."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.kit.features import installed
from settings import kit_record
from tests.fixtures.clones import database_of, git, manage, put_back, save_database
from tests.support import module_of

pytestmark = pytest.mark.slow

ROOMS = "scripts/draw_rooms.py"
PRODUCT = "Söhne & Co. 7"
LEFT_OUT = "webhooks"
EXAMPLE = (
    *("projects", "name:str", "owner:user", "status:choice(draft,active,done)", "budget:money"),
    *("due_on:date", "notes:text"),
)
ALL_TYPES = (
    *("visits", "title:str", "subtitle:str?", "notes:text?", "host:user", "guest:user?"),
    *("type:choice(first,in_progress,paid)", "mood:choice(good,bad)?", "is_open:bool"),
    *("fee:money", "tip:money(JPY)?", "seats:int", "rank:int?", "starts_at:datetime"),
    *("ends_at:datetime?", "day:date?", "contact:email", "other_contact:email?", "site:url"),
    *("other_site:url?", "role:roles", "second_role:roles?", "project:projects"),
    *("scan:file", "contract:file?"),
)
API = ("--api",) if module_of("api") else ()
# Each feature is removed in the other order, because the second one requires the first.
FEATURES = {
    "projects": (*EXAMPLE, "--admin", "--account"),
    "visits": (*ALL_TYPES, "--admin", "--account", *API),
    "snacks": ("snacks", "name:str", "photo:file", "--admin"),
    "ideas": ("ideas", "name:str", "author:user", "--account", "--icon", "lightbulb", *API),
}
# The contracts that look at the code of a feature.
CONTRACTS = (
    *("audit", "docs", "gates", "hostile_users", "imports", "layers", "migration_branches"),
    *("ownership", "patterns", "rooms", "routes", "sentences", "template_layers", "templates"),
)


def start(clone: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], cwd=clone, capture_output=True, text=True, check=False,
        env={**os.environ, **variables}, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def start_a_product(clone: Path) -> None:
    """Do what `make new` does, unless this copy is a product already."""
    if kit_record.read(clone).is_recorded:
        return
    (clone / ".env").write_text("SECRET_KEY=x\n")
    database = f"sqlite:///{database_of(clone)}"
    left_out = LEFT_OUT if LEFT_OUT in installed() else ""
    answers = {"NAME": PRODUCT, "WITHOUT": left_out, "DEV_DATABASE_URL": database}
    done = start(clone, "scripts/new.py", FLASK_CONFIG="development", **answers)
    assert done.returncode == 0, done.stderr
    if left_out:
        assert not (clone / "examples" / "webhook_receiver.py").exists()
        assert done.stdout.count("make lock") == 1
    assert ". .venv/bin/activate && python manage.py new --help" in done.stdout


@pytest.fixture(scope="module")
def written(clone: Path) -> Path:
    """Return a product with a commit for each feature, and with a picture that is up to date."""
    assert start(clone, ROOMS).returncode == 0
    git(clone, "commit", "--quiet", "--allow-empty", "--all", "--message", "Draw the rooms")
    start_a_product(clone)
    assert manage(clone, "build_assets").returncode == 0
    for name, arguments in FEATURES.items():
        done = manage(clone, "new", *arguments)
        assert done.returncode == 0, done.stderr
        git(clone, "add", "--all")
        git(clone, "commit", "--quiet", "--message", f"Add {name}")
    assert manage(clone, "db", "upgrade").returncode == 0
    return clone


def test_the_code_passes_lint_and_types(written: Path) -> None:
    for tool in (("ruff", "check"), ("ruff", "format", "--check"), ("mypy",)):
        done = start(written, "-m", *tool, *(["--no-cache"] if tool[0] == "ruff" else []))
        assert done.returncode == 0, done.stdout


def test_nothing_is_left_to_do(written: Path) -> None:
    changed = git(written, "diff", "--name-only", f"HEAD~{len(FEATURES)}").split()
    folders = tuple(f"app/features/{name}/" for name in FEATURES)
    outside = {name for name in changed if not name.startswith(folders)}
    assert outside == {
        *(".env.example", "CHANGELOG.md", "README.md", "app/models/role.py"),
        "docs/images/rooms.svg",
    }
    for name in changed:
        if name.startswith(folders):
            text = (written / name).read_text()
            assert "TODO" not in text, name
            assert "<<" not in text, name
            assert text.strip(), name


def test_the_tests_of_the_features_pass(written: Path) -> None:
    done = start(written, "manage.py", "test", "-q", *(f"app/features/{name}" for name in FEATURES))
    assert done.returncode == 0, done.stdout


def test_the_contracts_hold(written: Path) -> None:
    done = start(
        written,
        *("manage.py", "test", "-q"),
        *(f"tests/contracts/test_{name}.py" for name in CONTRACTS),
        *("tests/emails", "tests/models", "tests/admin/test_dashboard.py"),
        *("-k", "not refused and not careful and not methods"),
    )
    assert done.returncode == 0, done.stdout


def test_the_database_has_the_tables_of_the_models(written: Path) -> None:
    done = manage(written, "db", "check")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_name_that_exists_is_refused(written: Path) -> None:
    refused = manage(written, "new", *EXAMPLE, "--admin")
    assert refused.returncode == 1
    assert "There is a feature projects already" in refused.stderr
    assert not git(written, "status", "--porcelain")


def test_a_step_that_fails_leaves_everything_as_it_was(written: Path) -> None:
    path = written / "scripts" / "draw_rooms.py"
    text = path.read_text()
    path.write_text("raise SystemExit('the pen is empty')\n")
    failed = manage(written, "new", "letters", "name:str", "--admin")
    path.write_text(text)
    assert failed.returncode == 1
    assert "the pen is empty" in failed.stderr
    assert not git(written, "status", "--porcelain")


def test_removing_the_features_leaves_the_tree_as_it_was(written: Path) -> None:
    base = git(written, "rev-parse", f"HEAD~{len(FEATURES)}").strip()
    saved = save_database(written)
    for name in reversed(FEATURES):
        removed = manage(written, "features", "remove", name, "--yes")
        assert removed.returncode == 0, removed.stderr
        assert "still name it" not in removed.stdout
        git(written, "commit", "--quiet", "--message", f"Remove {name}")
    assert git(written, "diff", "--name-only", base).split() == ["CHANGELOG.md"]
    git(written, "reset", "--quiet", "--hard", f"HEAD~{len(FEATURES)}")
    put_back(written, saved)
