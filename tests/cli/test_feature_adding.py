"""Run `manage.py features add`: its refusals here, and whole in a repository of its own."""

import signal
from dataclasses import replace

import pytest

from app.kit.features import adding, checkout
from app.kit.features.checkout import CommandRefused
from app.kit.generator import ledger
from config import BASE_DIR
from settings.manifests import NewPermission
from tests.fixtures.clones import git, tables

TITLE = 'title = "Notes"\nsummary = "Keep notes."\n'
PERMISSION = '[new_permissions.{}]\nname = "Read notes"\nsentence = "Read notes."\n'
SETTING = '[settings.{}]\ntype = "flag"\ndefault = true\nhelp = "Whether notes are kept."\n'
VIEW = """\
from app.main import main


@main.get("{url}")
def {name}() -> str:
    return ""
"""
MIGRATION = """\
import sqlalchemy as sa
from alembic import op

revision = "notes_0001"
down_revision = None
branch_labels = ("notes",)
depends_on = "core_0001"


def upgrade():
    op.create_table("notes", sa.Column("id", sa.Integer(), primary_key=True))


def downgrade():
    op.drop_table("notes")
"""


@pytest.fixture
def notes(tmp_path):
    """Return a function that writes the folder of a feature, and returns it."""

    def write(manifest="", **files):
        folder = tmp_path / "notes"
        folder.mkdir(exist_ok=True)
        (folder / "feature.toml").write_text(TITLE + manifest)
        for name, text in {"__init__.py": '"""Notes."""\n', **files}.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return folder

    return write


# Refusals


@pytest.mark.parametrize(
    ("manifest", "files", "said"),
    [
        ('requires = ["nothing"]', {}, "requires names nothing, but there is no such feature"),
        ("colour = 1", {}, "colour is not a key of a manifest"),
        ("title", {}, "is not TOML"),
        ('tables = ["users"]', {}, "The table users is taken."),
        (SETTING.format("APP_NAME"), {}, "The setting APP_NAME is taken."),
        (PERMISSION.format("MANAGE_USERS"), {}, "The permission MANAGE_USERS is taken."),
        (PERMISSION.format("READ_NOTES") + "bit = 4", {}, "bit must be from 16 to 29"),
        (PERMISSION.format("READ_NOTES") + 'bit = "4"', {}, "bit must be a whole number"),
        (PERMISSION.format("READ_NOTES") + "colour = 1", {}, "colour is not a key of a manifest"),
        ('permissions = ["READ_NOTES"]', {}, "There is no permission READ_NOTES in app/models"),
        ('packages = ["no-such-package"]', {}, "no-such-package is not installed. Add it to"),
        ("", {"commands.py": '@click.command("doctor2")'}, None),
        ("", {"commands.py": '@click.command("setup_dev")'}, "The command setup_dev is taken."),
        ("", {"templates/main/index.html": ""}, "The template main/index.html is taken."),
    ],
)
def test_a_feature_that_does_not_fit_is_refused(app, notes, monkeypatch, manifest, files, said):
    monkeypatch.setattr(checkout, "ensure_clean", lambda: None)
    folder = notes(manifest, **files)
    if said is None:
        assert adding.check(folder).name == "notes"
        return
    with pytest.raises(CommandRefused) as refusal:
        adding.check(folder)
    assert said in str(refusal.value)


def test_a_name_of_another_feature_is_refused(app, notes, monkeypatch):
    """Settings, tables, events and menu entries of other features are claims, too."""
    other = adding.read(notes('tables = ["notes"]\n' + SETTING.format("KEEP_NOTES")))
    monkeypatch.setattr(adding, "installed", lambda: {"others": other})
    for manifest, said in (
        ('tables = ["notes"]', "both have the table notes"),
        (SETTING.format("KEEP_NOTES"), "both have the setting KEEP_NOTES"),
    ):
        with pytest.raises(CommandRefused, match=said):
            adding.read(notes(manifest))
    monkeypatch.setattr(adding, "installed", lambda: {"notes": other})
    with pytest.raises(CommandRefused, match="There is a feature notes already"):
        adding.read(notes())


def test_a_folder_that_is_no_feature_is_refused(app, tmp_path):
    for path in (tmp_path, tmp_path / "nowhere"):
        refused = app.test_cli_runner().invoke(args=["features", "add", str(path)])
        assert refused.exit_code == 1
        assert "is no feature: it has no feature.toml." in refused.output


def test_a_folder_is_named_as_a_module(app, notes):
    folder = notes().rename(notes().with_name("My-Notes"))
    with pytest.raises(CommandRefused, match="is named in lower case"):
        adding.read(folder)


# The ledger of permissions

READ = NewPermission("READ_NOTES", "Read notes", "Read notes.", opens_admin=True, bit=0)
LONG = NewPermission("READ_NOTES", "Read", "Read, and " * 8 + "read.", opens_admin=True, bit=20)
OTHER = NewPermission("WRITE_NOTES", "Write", "Write.", opens_admin=False, bit=20)


@pytest.mark.parametrize("permission", [READ, LONG])
def test_a_permission_goes_in_and_out_of_the_ledger(app, permission):
    before = ledger.FILE.read_text()
    after = checkout.with_permissions([permission])
    bit = permission.bit or ledger.free_bit()
    assert ledger.bits(after) == ledger.bits(before) | {"READ_NOTES": bit}
    compile(after, "role.py", "exec")
    assert all(len(line) <= 100 for line in after.splitlines())
    assert ledger.without_permission(after, "READ_NOTES") == before


def test_permissions_get_the_next_free_bits(app):
    other = replace(OTHER, bit=0)
    bits = ledger.bits(checkout.with_permissions([READ, other]))
    assert bits["WRITE_NOTES"] > bits["READ_NOTES"] >= 16


def test_a_bit_belongs_to_one_permission(app):
    with pytest.raises(CommandRefused, match=r"2\*\*20 of WRITE_NOTES is taken by READ_NOTES"):
        checkout.with_permissions([LONG, OTHER])


# In a repository

# A removal keeps a permission that other code names, and this file is in the repository.
LINES = "_".join(["READ", "LINES"])

slow = pytest.mark.slow


@slow
def test_a_feature_comes_and_goes_without_a_trace(in_clone, clone, notes):
    folder = notes(
        'tables = ["notes"]\npackages = ["pytest"]\n'
        + SETTING.format("KEEP_NOTES")
        + PERMISSION.format(LINES),
        **{
            "main.py": VIEW.format(url="/notes", name="notes"),
            "models.py": "",
            "migrations/notes_0001_create.py": MIGRATION,
        },
    )
    tree = git(clone, "write-tree")
    added = in_clone("features", "add", str(folder))
    assert added.returncode == 0, added.stderr
    for words in ("Copied notes", f"Added {LINES} to app/models/role.py", "db upgrade", "lock"):
        assert words in added.stdout
    assert f"{LINES} = 2**16" in (clone / "app/models/role.py").read_text()
    assert "KEEP_NOTES" in (clone / ".env.example").read_text()
    assert "\n# app/features/notes\npytest\n" in (clone / "requirements/common.in").read_text()
    assert "app/features/notes" in (clone / "README.md").read_text()
    assert not git(clone, "diff", "--name-only"), "Everything is staged."
    assert in_clone("db", "upgrade").returncode == 0
    assert "notes" in tables(clone)
    git(clone, "commit", "--quiet", "--message", "Add notes")
    assert "already" in in_clone("features", "add", str(folder)).stderr
    removed = in_clone("features", "remove", "notes", "--yes")
    assert removed.returncode == 0, removed.stderr
    assert f"Removed {LINES} from app/models/role.py." in removed.stdout
    assert "notes" not in tables(clone)
    assert git(clone, "write-tree") == tree


@slow
def test_a_permission_that_other_code_names_stays(in_clone, clone, notes):
    assert not in_clone("features", "add", str(notes(PERMISSION.format(LINES)))).returncode
    (clone / "app/features/content/more.py").write_text(f"may = Permission.{LINES}\n")
    git(clone, "add", "--all")
    git(clone, "commit", "--quiet", "--message", "Add notes")
    assert not in_clone("features", "remove", "notes", "--yes").returncode
    assert LINES in (clone / "app/models/role.py").read_text()


@slow
@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"main.py": VIEW.format(url="/n", name="index")}, "The endpoint main.index is taken."),
        ({"main.py": "import nothing_at_all\n"}, "No module named 'nothing_at_all'"),
        (
            {"migrations/notes_0001_a.py": MIGRATION.replace("core_0001", "gone_0001")},
            "builds on gone_0001",
        ),
    ],
)
def test_a_feature_that_does_not_start_leaves_everything_as_it_was(
    in_clone, clone, notes, files, said
):
    refused = in_clone("features", "add", str(notes(PERMISSION.format(LINES), **files)))
    assert refused.returncode == 1
    assert said in refused.stderr
    assert not git(clone, "status", "--porcelain", "--ignored=no")
    assert not (clone / "app/features/notes").exists()


ENDED = """
import os
import signal
import sys
from app.kit.features import checkout
from manage import cli

checkout.write_overviews = lambda: os.kill(os.getpid(), signal.SIGHUP)
sys.argv[1:] = ["features", "add", {path!r}]
cli()
"""


@slow
def test_a_terminal_that_closes_leaves_everything_as_it_was(in_clone, clone, notes):
    ended = in_clone("-c", ENDED.format(path=str(notes(PERMISSION.format(LINES)))))
    assert ended.returncode == 128 + signal.SIGHUP
    assert not git(clone, "status", "--porcelain", "--ignored=no")
    assert not (clone / "app/features/notes").exists()


@slow
def test_a_tree_with_changes_is_refused(in_clone, clone, notes):
    (clone / "note.txt").write_text("mine")
    refused = in_clone("features", "add", str(notes()))
    assert refused.returncode == 1
    assert "The working tree has changes. Commit them first" in refused.stderr
    assert "note.txt" in refused.stderr
    assert not (clone / "app/features/notes").exists()


@slow
def test_the_core_stays_small_with_an_example(in_clone):
    """The limit of the core is the kit's: tests/cli/test_new.py tries the rest in a product."""
    for path in BASE_DIR.glob("examples/*/feature.toml"):
        added = in_clone("features", "add", f"examples/{path.parent.name}")
        assert added.returncode == 0, added.stderr
    tried = in_clone("test", "-q", "-p", "no:cacheprovider", "tests/contracts/test_reading.py")
    assert tried.returncode == 0, tried.stdout
