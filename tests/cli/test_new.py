"""Add all that a product may add to a copy with a name of its own, and take features out again.

The recipes of the guides, the features of `examples` and those of `manage.py new` come into one
copy. So lint, types and contracts are tried once for all of them.
"""

import os
import shlex
import subprocess
import sys
from pathlib import Path
from textwrap import indent

import pytest

from app.kit.features import installed
from config import BASE_DIR
from settings import kit_record
from tests.contracts import recipes
from tests.contracts.test_recipes import FEATURE, FOLDER, recipe
from tests.fixtures.clones import database_of, git, manage, put_back, save_database, tables
from tests.support import module_of

pytestmark = pytest.mark.slow(minutes=4)

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
EXAMPLES = sorted(path.parent.name for path in BASE_DIR.glob("examples/*/feature.toml"))
# These come off again, in the other order.
COMMANDS = {
    **{name: ("features", "add", f"examples/{name}") for name in EXAMPLES},
    **{name: ("new", *arguments) for name, arguments in FEATURES.items()},
}
# Commands write these files from the manifests.
WRITERS = (
    ["manage.py", "features", "env"],
    [ROOMS],
    ["-m", "tests.emails.write_snapshots"],
)
WRITTEN = {".env.example", "README.md", "docs/images/rooms.svg"}
# Tests of the pages, tasks and lists that the recipes add.
IN_THE_COPY = "tests/cli/followed_guides.py"
# The contracts that look at the code of a feature, of a page or of a permission.
CONTRACTS = (
    *("audit", "boundaries", "closure", "docs", "features_off", "gates", "hostile_users"),
    *("imports", "layers", "migration_branches", "ownership", "patterns", "reading", "rooms"),
    *("routes", "sentences", "template_layers", "templates", "token_pages"),
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


def commit(clone: Path, message: str) -> None:
    git(clone, "add", "--all")
    git(clone, "commit", "--quiet", "--allow-empty", "--message", message)


def follow_the_guides(clone: Path) -> None:
    for section in ("A page", "A permission", "A table of the core", "Writing a task"):
        recipes.follow(section, clone)
    # The guides leave the order of imports to `make format`.
    sort = ("-m", "ruff", "check", "-q", "--no-cache", "--select=I", "--fix", "app")
    assert start(clone, *sort).returncode == 0
    commands = recipe("docs/customising.md", "## A table of the core", "sh").splitlines()
    assert len(commands) == 2
    for line in commands:
        done = manage(clone, *shlex.split(line.removeprefix("python manage.py ")))
        assert done.returncode == 0, done.stderr
    assert "suppliers" in tables(clone)
    commit(clone, "Add pages, permissions, tasks and a table")
    recipes.follow(FEATURE, clone)
    for command in WRITERS:
        done = start(clone, *command, FLASK_CONFIG="testing")
        assert done.returncode == 0, done.stderr
    commit(clone, "Add the feature of the guide")
    changed = git(clone, "diff", "--name-only", "HEAD~").split()
    outside = {name for name in changed if not name.startswith(FOLDER)}
    assert outside <= WRITTEN, "A feature changed more than its folder."


@pytest.fixture(scope="module")
def written(clone: Path) -> Path:
    """Return a product with a commit for each feature, and with a picture that is up to date."""
    assert start(clone, ROOMS).returncode == 0
    commit(clone, "Draw the rooms")
    start_a_product(clone)
    follow_the_guides(clone)
    for name, arguments in COMMANDS.items():
        done = manage(clone, *arguments)
        assert done.returncode == 0, done.stderr
        if name == "projects":
            assert recipes.missing("docs/tables.md", clone) == []
            for section in ("The view", "A menu on every list"):
                recipes.follow(section, clone)
        commit(clone, f"Add {name}")
    for command in (("db", "upgrade"), ("build_assets",)):
        done = manage(clone, *command)
        assert done.returncode == 0, done.stderr
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
    folders = (FOLDER, *(f"app/features/{name}" for name in COMMANDS), IN_THE_COPY)
    done = start(written, "manage.py", "test", "-q", *folders)
    assert done.returncode == 0, done.stdout


def test_the_contracts_hold(written: Path) -> None:
    """Seven tests failed for a permission, a task and a page that followed the guides."""
    done = start(
        written,
        *("manage.py", "test", "-q"),
        *(f"tests/contracts/test_{name}.py" for name in CONTRACTS),
        *("tests/emails", "tests/models", "tests/admin/test_dashboard.py"),
        *("-k", "not refused and not careful and not methods"),
    )
    assert done.returncode == 0, done.stdout


def test_a_contract_says_what_to_do(written: Path) -> None:
    """It was KeyError or StopIteration, and for a form of a new blueprint no error at all."""
    file = written / FOLDER / "tests/access.py"
    source = text = file.read_text()
    for line in (
        '    "admin.invoice": Permission.MANAGE_INVOICES,\n',
        '    "admin.pay_invoice": ("invoice.paid", pay_invoice),\n',
    ):
        assert line in text
        text = text.replace(line, "")
    file.write_text(text)
    chosen = ("tests/contracts/test_routes.py", "tests/contracts/test_audit.py")
    output = start(written, "manage.py", "test", "-q", *chosen, "-k", "table or every_form").stdout
    file.write_text(source)
    place = f"in {FOLDER}tests/access.py."
    assert f"Add a row for admin.invoice to ACCESS {place}" in output
    assert f"Add a row for admin.pay_invoice to EVENTS or WITHOUT_EVENT {place}" in output
    assert "KeyError" not in output
    assert "StopIteration" not in output


def test_the_jobs_of_the_guide_name_tasks_that_exist(written: Path) -> None:
    """An unknown task raises an error, even if Redis is away."""
    calls = recipe("docs/jobs.md", "A service queues it by its name", "python")
    begin = "from app import create_app\nfrom app.kit import queue\n"
    code = f"{begin}with create_app().app_context():\n{indent(calls, '    ')}"
    done = start(written, "-c", code, FLASK_CONFIG="testing")
    assert done.returncode == 0, done.stderr


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
    base = git(written, "rev-parse", f"HEAD~{len(COMMANDS)}").strip()
    saved = save_database(written)
    for name in reversed(COMMANDS):
        removed = manage(written, "features", "remove", name, "--yes")
        assert removed.returncode == 0, removed.stderr
        assert "still name it" not in removed.stdout
        git(written, "commit", "--quiet", "--message", f"Remove {name}")
    assert git(written, "diff", "--name-only", base).split() == ["CHANGELOG.md"]
    git(written, "reset", "--quiet", "--hard", f"HEAD~{len(COMMANDS)}")
    put_back(written, saved)
