"""Write the files of a planned feature. If a step fails, everything is as it was before."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from app.kit.features import FOLDER
from app.kit.generator import ledger, naming
from app.kit.generator.plan import FeaturePlan
from app.kit.generator.refusal import Refused
from settings import example, manifests
from settings.reader import BASE_DIR
from settings.toml_table import shown

TEMPLATES = Path(__file__).parent / "templates"
CHANGELOG = BASE_DIR / "CHANGELOG.md"
ROOMS = BASE_DIR / "scripts" / "draw_rooms.py"
ROOMS_WRITES = (BASE_DIR / "README.md", BASE_DIR / "docs" / "images" / "rooms.svg")
# Files that only some features have, with the attribute of the plan that decides.
ONLY_WITH = {
    "admin.py": "admin",
    "api.py": "api",
    "account.py": "account",
    "emails.py": "due",
    "tasks.py": "due",
    "templates/admin": "admin",
    "templates/account": "account",
    "templates/partials": "admin",
    "templates/emails": "due",
    "tests/test_admin.py": "admin",
    "tests/test_api.py": "api",
    "tests/test_account.py": "account",
    "tests/test_reminders.py": "due",
}


def write(plan: FeaturePlan) -> list[str]:
    """Write the feature, its permission and its line of the changelog. Raises Refused.

    Return the files outside of its folder that changed.
    """
    if subprocess.run(_ruff("--version"), capture_output=True, check=False).returncode:  # noqa: S603
        raise Refused("ruff formats the code, and is not installed: run `make setup`.")
    folder = FOLDER / plan.name
    outside = [ledger.FILE, CHANGELOG, example.PATH, *ROOMS_WRITES]
    with _as_before_unless_done(folder, outside) as before:
        _write_folder(plan, folder)
        if plan.admin:
            _edit_ledger(plan)
        _edit_changelog(plan)
        remaining = manifests.read(FOLDER)
        text = example.PATH.read_text("utf-8")
        example.PATH.write_text(example.written(text, remaining), encoding="utf-8")
        _run(sys.executable, "-c", "from app import create_app; create_app('testing')")
        if plan.due:
            _run(sys.executable, "-m", "tests.emails.write_snapshots", f"{plan.singular}_due")
        _run(sys.executable, str(ROOMS))
    return [shown(path) for path, text in before.items() if path.read_bytes() != text]


def files(plan: FeaturePlan) -> dict[str, str]:
    """Return the files of the feature, not yet formatted, by their paths in its folder."""
    environment = _environment()
    written = {}
    for source in environment.list_templates():
        target = source.removesuffix(".jinja").replace("SINGULAR", plan.singular)
        target = target.replace("NAME", plan.name)
        needs = next((one for path, one in ONLY_WITH.items() if source.startswith(path)), "name")
        if getattr(plan, needs):
            written[target] = environment.get_template(source).render(plan=plan)
    return written


@cache
def _environment() -> Environment:
    # The templates contain templates of Jinja, so their own marks are others.
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 - the results are code
        block_start_string="<%",
        block_end_string="%>",
        variable_start_string="<<",
        variable_end_string=">>",
        comment_start_string="<#",
        comment_end_string="#>",
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"class_name": naming.class_name, "label": naming.label, "a": naming.a}
    return environment


def _write_folder(plan: FeaturePlan, folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=BASE_DIR, prefix=".new-") as place:
        draft = Path(place) / plan.name
        for name, text in files(plan).items():
            path = draft / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        # A template imports what some of its variants need; unused imports are left out here.
        _run(*_ruff("check", "-q", "--no-cache", "--fix", "--select", "I,F401", str(draft)))
        # The templates end every list in a comma. Without it, short lists fit on one line.
        short = "format.skip-magic-trailing-comma=true"
        _run(*_ruff("format", "-q", "--no-cache", "--config", short, str(draft)))
        _run(*_ruff("format", "-q", "--no-cache", str(draft)))
        draft.rename(folder)


def _edit_ledger(plan: FeaturePlan) -> None:
    text = ledger.with_permission(
        ledger.FILE.read_text("utf-8"),
        plan.permission,
        plan.bit,
        f"Manage {plan.many}",
        plan.sentence,
    )
    ledger.FILE.write_text(text, encoding="utf-8")
    _run(*_ruff("format", "-q", "--no-cache", str(ledger.FILE)))


def _edit_changelog(plan: FeaturePlan) -> None:
    """Add a line to the unreleased changes. A changelog of another form stays as it is."""
    text = CHANGELOG.read_text("utf-8") if CHANGELOG.exists() else ""
    head, mark, rest = text.partition("\n## [Unreleased]\n")
    if not mark:
        return
    section, released, old = rest.partition("\n## [")
    line = f"- {plan.title} (`app/features/{plan.name}`).\n"
    heading = "\n### Added\n\n"
    before, found, after = section.partition(heading)
    section = before + heading + line + (after if found else "")
    CHANGELOG.write_text(head + mark + section + released + old, encoding="utf-8")


@contextmanager
def _as_before_unless_done(folder: Path, outside: list[Path]) -> Iterator[dict[Path, bytes]]:
    before = {path: path.read_bytes() for path in outside if path.exists()}
    try:
        yield before
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        for path, text in before.items():
            path.write_bytes(text)
        raise


def _ruff(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "ruff", *arguments]


def _run(*command: str) -> None:
    run = subprocess.run(  # noqa: S603 - the commands above
        command, cwd=BASE_DIR, capture_output=True, text=True, check=False
    )
    if run.returncode:
        raise Refused(f"Nothing was written, because a step failed:\n{run.stderr or run.stdout}")
