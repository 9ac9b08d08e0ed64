"""The recipes of the guides work as they are printed."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import indent
from typing import Any

import pytest
from flask import Blueprint, Flask, session
from flask_login import current_user, login_required, login_user, logout_user
from werkzeug.exceptions import Forbidden

from app import create_app, decorators
from app.kit.web import gatekeeper, gates
from app.kit.web.logs import log_lines
from tests import factories
from tests.contracts import recipes

ROOT = Path(__file__).parents[2]
CUSTOMISING = "docs/customising.md"
FEATURE = "A feature of your own"
FOLDER = "app/features/invoices/"
# Commands write these files from the manifests.
WRITERS = (
    ["manage.py", "features", "env"],
    ["scripts/draw_rooms.py"],
    ["-m", "tests.emails.write_snapshots"],
)
WRITTEN = {".env.example", "README.md", "docs/images/rooms.svg"}
COPIED_CACHE = ".mypy_cache"
# The contracts that check the code of the recipes.
CONTRACTS = (
    *("audit", "docs", "gates", "hostile_users", "imports", "layers", "migration_branches"),
    *("ownership", "rooms", "routes", "sentences", "template_layers", "templates"),
)


def recipe(page: str, after: str, language: str) -> str:
    """Return the first code block in `language` after some words of a guide, without its file."""
    text = (ROOT / page).read_text()
    assert after in text
    block = text.partition(after)[2].partition(f"```{language}\n")[2].partition("```")[0]
    return re.sub(r"\A# (app|tests)/.*\n", "", block).strip() + "\n"


@pytest.fixture
def fresh_registries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gates, "GATES", dict(gates.GATES))
    monkeypatch.setattr(log_lines, "token_paths", set(log_lines.token_paths))
    monkeypatch.setattr(log_lines, "query_paths", set(log_lines.query_paths))


def test_the_gate_and_the_pages_of_the_guide(app: Flask, fresh_registries: None) -> None:
    """Only administrators see reports, the gate leads to the terms, and the token is redacted."""
    main = Blueprint("guide", __name__)
    scope: dict[str, Any] = {
        **vars(gates),
        **vars(decorators),
        "main": main,
        "login_required": login_required,
        "current_user": current_user,
        "session": session,
        "url_for": lambda endpoint: f"/{endpoint}",
        "render_template": lambda name, **values: name,
    }
    for words in ("administrators alone", "A new view is behind", "Declare the"):
        exec(recipe(CUSTOMISING, words, "python"), scope)  # noqa: S102
    guide = create_app("testing")
    guide.register_blueprint(main)
    own_gate = recipe(CUSTOMISING, "where its state is kept", "python")
    exec(own_gate, scope)  # noqa: S102
    gatekeeper.check_gates(guide)
    assert "terms_not_accepted" in [gate.name for gate in gatekeeper.in_order()]
    with app.test_request_context():
        login_user(factories.make_user())
        assert scope["lead_to_terms"]().location == "/main.terms"
        session["terms_accepted"] = True
        assert scope["lead_to_terms"]() is None
        with pytest.raises(Forbidden):
            scope["reports"]()
        logout_user()
        login_user(factories.make_user(role="Administrator"))
        assert scope["reports"]()
    unconfirmed = next(gate for gate in gatekeeper.in_order() if gate.name == "unconfirmed")
    assert gatekeeper.skips(guide, "guide.terms", unconfirmed)
    assert not gatekeeper.skips(guide, "guide.reports", unconfirmed)
    assert log_lines.mask("/newsletter/leave/x.y") == "/newsletter/leave/***"


def test_a_feature_writes_to_its_folder_alone() -> None:
    named = {file.relative_to(ROOT).as_posix() for file in recipes.files(FEATURE)}
    outside = sorted(name for name in named if not name.startswith(FOLDER))
    assert not outside, f"The recipe of a feature writes to {', '.join(outside)}."


# A copy of the kit


def start(copy: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=copy,
        env={**os.environ, "FLASK_CONFIG": "testing", "MYPY_CACHE_DIR": str(copy / COPIED_CACHE)},
        capture_output=True,
        text=True,
        check=False,
    )


def run(copy: Path, *arguments: str) -> str:
    """Run a command in the copy, and return its output if it fails."""
    done = start(copy, *arguments)
    return f"{done.stdout}\n{done.stderr}" if done.returncode else ""


def try_tests(copy: Path, *arguments: str) -> str:
    """Run tests in the copy, and return their output if they fail."""
    return run(copy, "manage.py", "test", "-q", "-p", "no:cacheprovider", *arguments)


def contents(folder: Path) -> dict[str, bytes]:
    """Return the files that a commit of the folder would contain."""
    left_out = {"__pycache__", "gen", ".webassets-cache", "instance"}
    names = [*folder.glob("*"), *folder.glob("app/**/*"), *folder.glob("tests/**/*")]
    names += [*folder.glob("docs/**/*"), *folder.glob("settings/**/*")]
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in names
        if path.is_file() and not left_out & set(path.parts)
    }


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy to which the recipes of a permission and of a feature were applied.

    It has no virtual environment; these tests' own environment runs it.
    """
    copy = tmp_path_factory.mktemp("copy") / "app"
    left_out = shutil.ignore_patterns(
        ".git", ".venv*", "__pycache__", "instance", ".pytest_cache", ".ruff_cache"
    )
    shutil.copytree(ROOT, copy, ignore=left_out)
    for section in ("A page", "A permission", "Writing a task"):
        recipes.follow(section, copy)
    # The guide leaves the order of imports to `make format`.
    assert not run(copy, "-m", "ruff", "check", "-q", "--no-cache", "--select=I", "--fix", "app")
    before = contents(copy)
    recipes.follow(FEATURE, copy)
    for command in (*WRITERS, ["manage.py", "build_assets"]):
        assert not run(copy, *command)
    after = contents(copy)
    changed = {name for name in before | after if before.get(name) != after.get(name)}
    outside = {name for name in changed if not name.startswith(FOLDER)}
    assert outside <= WRITTEN, "A feature changed more than its folder."
    return copy


@pytest.mark.slow
def test_code_of_the_guides_passes_lint_and_types(copy: Path) -> None:
    assert not run(copy, "-m", "ruff", "check", "--no-cache", "app", "tests")
    assert not run(copy, "-m", "ruff", "format", "--check", "--no-cache", "app", "tests")
    assert not run(copy, "-m", "mypy")


@pytest.mark.slow
def test_the_kits_tests_pass_with_what_the_guides_say_to_add(copy: Path) -> None:
    """Seven tests failed for a permission, a task and a page that followed the guides."""
    assert not try_tests(
        copy,
        FOLDER,
        *(f"tests/contracts/test_{name}.py" for name in CONTRACTS),
        *("tests/models", "tests/emails/test_snapshots.py", "tests/admin/test_dashboard.py"),
        *("-k", "not refused and not careful and not methods"),
    )


@pytest.mark.slow
def test_the_jobs_of_the_guide_name_tasks_that_exist(copy: Path) -> None:
    """An unknown task raises an error, even if Redis is away."""
    calls = recipe("docs/jobs.md", "A service queues it by its name", "python")
    begin = "from app import create_app\nfrom app.kit import queue\n"
    assert not run(copy, "-c", f"{begin}with create_app().app_context():\n{indent(calls, '    ')}")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "chosen", "said"),
    [
        (
            '    "admin.invoice": Permission.MANAGE_INVOICES,\n',
            ("tests/contracts/test_routes.py", "-k", "table"),
            f"Add a row for admin.invoice to ACCESS in {FOLDER}tests/access.py.",
        ),
        (
            '    "admin.pay_invoice": ("invoice.paid", pay_invoice),\n',
            ("tests/contracts/test_audit.py", "-k", "every_form"),
            "Add a row for admin.pay_invoice to EVENTS or WITHOUT_EVENT in "
            f"{FOLDER}tests/access.py.",
        ),
    ],
)
def test_a_contract_says_what_to_do(
    copy: Path, line: str, chosen: tuple[str, ...], said: str
) -> None:
    """It was KeyError or StopIteration, and for a form of a new blueprint no error at all."""
    file = copy / FOLDER / "tests/access.py"
    source = file.read_text()
    assert line in source
    file.write_text(source.replace(line, ""))
    output = try_tests(copy, *chosen)
    file.write_text(source)
    assert said in output
    assert "KeyError" not in output
    assert "StopIteration" not in output
