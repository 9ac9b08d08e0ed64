"""Run `db` commands where revisions have branches, and check their messages."""

import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import click
import pytest
import sqlalchemy as sa
from alembic.config import Config
from flask import Flask
from flask.testing import FlaskCliRunner

from app import create_app
from app.extensions import db, migrate
from app.kit import audit
from app.kit.database import engines, migrations
from app.kit.features import installed

ROOT = Path(__file__).parents[2]
CORE = migrations.scripts(ROOT / "migrations").get_revision("core@head").revision


@pytest.fixture
def migrated(own_app: Flask, runner: FlaskCliRunner) -> FlaskCliRunner:
    assert runner.invoke(args=["db", "upgrade"]).exit_code == 0
    return runner


def test_a_migration_of_sqlite_waits_for_another_and_says_so(
    own_app: Flask, runner: FlaskCliRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F19"""
    path = own_app.config["SQLALCHEMY_DATABASE_URI"].removeprefix("sqlite:///")
    if path.startswith("postgresql"):
        pytest.skip("PostgreSQL has a lock of its own for migrations.")
    told = []

    def echo(text: str, **_options: object) -> None:
        told.append(text)
        writer.execute("ROLLBACK")

    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("BEGIN IMMEDIATE")
        monkeypatch.setattr(engines, "LOCK_TIMEOUT", 0)
        monkeypatch.setattr(click, "echo", echo)
        assert runner.invoke(args=["db", "upgrade"]).exit_code == 0
    assert told == ["Another process migrates this database. Waiting for it."]


def test_a_folder_may_have_a_percent_sign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "100% Shop" / "quokkas" / "migrations"
    folder.mkdir(parents=True)
    monkeypatch.setattr(migrations, "FEATURES", tmp_path / "100% Shop")
    settings = Config()
    settings.set_main_option("script_location", str(tmp_path / "none"))
    found = migrations.locate(settings).get_main_option("version_locations") or ""
    assert found.splitlines()[-1] == str(folder)


@pytest.fixture
def quokkas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder for revisions of the only feature."""
    monkeypatch.setattr(migrations, "FEATURES", tmp_path)
    folder = tmp_path / "quokkas" / "migrations"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def quokkas_table() -> Iterator[None]:
    table = sa.Table("quokkas", db.metadata, sa.Column("id", sa.Integer, primary_key=True))
    yield
    db.metadata.remove(table)


def write(folder: Path, name: str, before: str | None, **values: object) -> None:
    lines = {"revision": name, "down_revision": before, **values}
    text = "".join(f"{key} = {value!r}\n" for key, value in lines.items())
    step = "def upgrade():\n    pass\n\n\ndef downgrade():\n    pass\n"
    (folder / f"{name}.py").write_text(f"{text}\n\n{step}")


def revisions(app: Flask) -> set[str]:
    with app.app_context():
        return set(db.session.scalars(sa.text("SELECT version_num FROM alembic_version")))


def come_from(app: Flask, revision: str) -> None:
    """Store a revision in the database that no file has."""
    with app.app_context():
        db.session.execute(sa.text("DELETE FROM alembic_version"))
        db.session.execute(
            sa.text("INSERT INTO alembic_version VALUES (:revision)"), {"revision": revision}
        )
        db.session.commit()


def mismatch(app: Flask) -> migrations.Mismatch | None:
    with app.app_context(), db.engine.connect() as connection:
        return migrations.problem(connection, ROOT / "migrations")


class TestComingOver:
    def test_the_last_revision_before_the_branches_is_stamped_as_the_guide_says(
        self, own_app: Flask, runner: FlaskCliRunner, caplog: pytest.LogCaptureFixture
    ) -> None:
        guide = (ROOT / "docs/upgrading.md").read_text()
        stamps = re.findall(r"manage\.py (db stamp .*?((\w+)_0001))$", guide, re.MULTILINE)
        stamps = [one for one in stamps if one[2] == "core" or one[2] in installed()]
        assert stamps
        for _command, revision, _branch in stamps:
            assert runner.invoke(args=["db", "upgrade", revision]).exit_code == 0
        come_from(own_app, "0023")
        for command in (["db", "upgrade"], ["db", "check"], ["release"]):
            caplog.clear()
            assert runner.invoke(args=command).exit_code == 1
            assert "Stamp the database once, as docs/upgrading.md says" in caplog.text
        assert "docs/upgrading.md" in mismatch(own_app).hint
        for command, _revision, _branch in stamps:
            assert runner.invoke(args=command.split()).exit_code == 0
        assert runner.invoke(args=["db", "upgrade"]).exit_code == 0
        assert runner.invoke(args=["db", "check"]).exit_code == 0
        assert mismatch(own_app) is None

    def test_own_revisions_are_stamped_and_joined_as_the_guide_says(
        self, own_app: Flask, runner: FlaskCliRunner, quokkas: Path
    ) -> None:
        folder = quokkas  # beside the core's revisions, and without features
        assert runner.invoke(args=["db", "upgrade", "core_0001"]).exit_code == 0
        come_from(own_app, "0023")
        write(folder, "own_0001", "core_0001")
        (folder / "own_0001.py").write_text(
            f"{(folder / 'own_0001.py').read_text()}\nupgrade = 1\n"
        )
        for command in ("stamp --purge core_0001", "stamp own_0001", "upgrade"):
            assert runner.invoke(args=["db", *command.split()]).exit_code == 0, command
        assert revisions(own_app) == {CORE, "own_0001"}

    @pytest.mark.parametrize(
        ("revision", "advice"),
        [
            ("0017", "with the last code that has 0023"),
            ("quokkas_0001", "python manage.py db downgrade FEATURE@base"),
        ],
    )
    def test_other_revisions_are_refused_with_advice(
        self,
        revision: str,
        advice: str,
        own_app: Flask,
        migrated: FlaskCliRunner,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        come_from(own_app, revision)
        assert migrated.invoke(args=["db", "upgrade"]).exit_code == 1
        assert f"the migration {revision}, which this code does not know" in caplog.text
        assert advice in caplog.text
        assert advice in mismatch(own_app).hint


class TestABranchThatLostItsBase:
    @pytest.mark.parametrize(
        ("before", "needs", "missing"),
        [("quokkas_0001", None, "quokkas_0001"), (None, "core_0999", "core_0999")],
    )
    def test_a_sentence_names_the_file_and_what_is_missing(
        self,
        before: str | None,
        needs: str | None,
        missing: str,
        quokkas: Path,
        own_app: Flask,
        runner: FlaskCliRunner,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        write(quokkas, "quokkas_0002", before, depends_on=needs)
        for command in ("upgrade", "heads", "current"):
            caplog.clear()
            assert runner.invoke(args=["db", command]).exit_code == 1
            assert f"quokkas_0002.py builds on {missing}, which no file has" in caplog.text
        assert missing in mismatch(own_app).hint


def test_another_app_of_the_process_locates_the_revisions_no_second_time(app: Flask) -> None:
    create_app("testing")
    assert migrate.configure_callbacks.count(migrations.locate) == 1


def test_a_feature_is_migrated_with_the_others(
    quokkas: Path, own_app: Flask, migrated: FlaskCliRunner
) -> None:
    assert revisions(own_app) == {CORE}
    write(quokkas, "quokkas_0001", None, branch_labels=("quokkas",), depends_on=CORE)
    assert "older than the code" in mismatch(own_app).problem
    assert migrated.invoke(args=["db", "upgrade"]).exit_code == 0
    assert mismatch(own_app) is None
    assert revisions(own_app) == {"quokkas_0001"}
    assert migrated.invoke(args=["db", "downgrade", "quokkas@base"]).exit_code == 0
    assert revisions(own_app) == {CORE}


def test_a_new_branch_builds_on_the_core(
    quokkas: Path, quokkas_table: None, migrated: FlaskCliRunner
) -> None:
    arguments = ["--head", "base", "--branch-label", "quokkas", "--version-path", str(quokkas)]
    result = migrated.invoke(args=["db", "migrate", "-m", "Create quokkas", *arguments])
    assert result.exit_code == 0, result.output
    (written,) = quokkas.glob("*.py")
    assert "branch_labels = ('quokkas',)" in written.read_text()
    assert f"depends_on = '{CORE}'" in written.read_text()
    assert migrated.invoke(args=["db", "upgrade"]).exit_code == 0
    assert migrated.invoke(args=["db", "check"]).exit_code == 0


def test_a_revision_goes_to_the_core_unless_a_branch_is_named(
    quokkas: Path, runner: FlaskCliRunner, tmp_path: Path
) -> None:
    write(quokkas, "quokkas_0001", None, branch_labels=("quokkas",), depends_on=CORE)
    core = shutil.copytree(ROOT / "migrations", tmp_path / "core")
    for arguments, folder, before in (
        ([], core / "versions", CORE),
        (["--head", "quokkas@head"], quokkas, "quokkas_0001"),
    ):
        there = set(folder.glob("*.py"))
        command = ["db", "revision", "-d", str(core), "-m", "More", *arguments]
        result = runner.invoke(args=command)
        assert result.exit_code == 0, result.output
        (written,) = set(folder.glob("*.py")) - there
        assert f"down_revision = '{before}'" in written.read_text()


def test_going_back_asks_before_it_deletes_the_audit_trail(
    own_app: Flask, migrated: FlaskCliRunner
) -> None:
    """The question comes before the first step, and an empty trail needs none."""
    newest = revisions(own_app)
    assert migrated.invoke(args=["db", "downgrade", "base"]).exit_code == 0
    assert migrated.invoke(args=["db", "upgrade"]).exit_code == 0
    with own_app.app_context():
        audit.record("user.password_change_required", by=None)
        db.session.commit()
    back = ["db", "downgrade", "base"]
    for answer in ("n\n", ""):
        refused = migrated.invoke(args=back, input=answer)
        assert refused.exit_code == 1
        assert "This deletes the audit trail with" in refused.output
        assert revisions(own_app) == newest
    assert migrated.invoke(args=["db", "downgrade", "core@-1"]).exit_code == 0
    assert migrated.invoke(args=["db", "upgrade"]).exit_code == 0
    agreed = migrated.invoke(args=["db", "downgrade", "-x", "delete=audit_events", "base"])
    assert agreed.exit_code == 0, agreed.output
    assert revisions(own_app) == set()


@pytest.mark.parametrize("arguments", [[], ["--", "-1"]])
def test_going_back_asks_for_a_branch(arguments: list[str], migrated: FlaskCliRunner) -> None:
    result = migrated.invoke(args=["db", "downgrade", *arguments])
    assert result.exit_code == 2
    assert "Say which branch goes back, such as core@-1." in result.output
