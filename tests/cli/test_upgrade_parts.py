"""Parts of an upgrade: the record of the copy, heads of migrations, and copies of databases."""

from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.pool import NullPool

from app.kit.features import checkout
from settings import kit_record, reader
from tests.fixtures.clones import git, script
from upgrading import conflicts, heads, releases, trial
from upgrading.conflicts import Conflict
from upgrading.repository import Repository, UpgradeRefused

PROJECT = """[project]
name = "acme"
version = "0.3.0"

[tool.kit]
# The name is shown.
name = "Acme"
keep = [
    "README.md",
]

[tool.ruff]
line-length = 100
"""
RELEASE = """[project]
name = "acme"
version = "1.1.0"
keywords = ["flask"]

[tool.kit]
name = "Kit"

[tool.ruff]
line-length = 90
"""
REVISION = 'revision = "{}"\ndown_revision = {}\n'


def test_the_record_of_a_copy_survives_a_release() -> None:
    own = kit_record.with_values(PROJECT, {"version": "1.0.0", "source": 'a"b\\c'})
    record = kit_record.parsed(own)
    assert (record.product, record.version, record.name) == ("0.3.0", "1.0.0", "Acme")
    assert (record.keep, record.source, record.is_recorded) == (("README.md",), 'a"b\\c', True)
    assert record.sentence() == "version 0.3.0, on release 1.0.0 of the kit"
    merged = kit_record.with_table_of(kit_record.like(RELEASE, own), own)
    assert kit_record.parsed(merged) == record
    assert 'keywords = ["flask"]' in merged
    assert merged.index("[project]") < merged.index("[tool.kit]") < merged.index("[tool.ruff]")
    assert kit_record.with_values(own, {"version": "1.0.0"}) != PROJECT
    assert kit_record.parsed(PROJECT).is_recorded is False


def test_the_kit_has_its_version_in_one_place() -> None:
    record = kit_record.read()
    if not record.is_recorded:  # a copy records the release
        releases.parsed(record.product)
        assert record.sentence() == f"version {record.product}"


def test_versions_are_three_numbers() -> None:
    tags = {"1.0.0": "v1.0.0", "1.2.0": "v1.2.0", "1.10.0": "1.10.0"}
    assert releases.choose_version(tags, "1.0.0", "") == "1.10.0"
    assert releases.choose_version(tags, "1.0.0", "v1.2.0") == "1.2.0"
    for wanted, reason in (
        ("1.1", "three numbers"),
        ("1.2.0\n--x", "three numbers"),
        ("1.3.0", "There is no release 1.3.0"),
        ("1.0.0", "is older"),
    ):
        with pytest.raises(UpgradeRefused, match=reason):
            releases.choose_version(tags, "1.2.0", wanted)
    with pytest.raises(UpgradeRefused, match="There is no release"):
        releases.choose_version({}, "1.2.0", "")


def test_a_source_without_releases_or_answer_says_so(tmp_path: Path) -> None:
    """Such a bundle asked for the version of the copy, and git's command was called -c."""
    record = kit_record.parsed(PROJECT)
    git(tmp_path, "init", "--quiet")
    repository, source = Repository(tmp_path), releases.Source(str(tmp_path / "none"))
    with pytest.raises(UpgradeRefused, match="There is no release: no tag"):
        releases.completed(repository, record, source, {})
    with pytest.raises(UpgradeRefused, match="cannot be read: git ls-remote failed"):
        source.tags(repository)


def test_heads_of_a_branch_are_joined_once(tmp_path: Path) -> None:
    folder = tmp_path / "migrations" / "versions"
    folder.mkdir(parents=True)
    for name, before in (("one", None), ("mine", "one"), ("theirs", "one")):
        (folder / f"{name}.py").write_text(REVISION.format(name, repr(before)))
    (note,) = heads.join(tmp_path, "1.1.0")
    assert "which joins your revisions" in note
    assert heads.join(tmp_path, "1.1.0") == []
    (folder / "again.py").write_text(REVISION.format("mine", '"theirs"'))
    assert any("PROBLEM" in one for one in heads.join(tmp_path, "1.2.0"))


def test_each_kind_of_conflict_has_a_next_step(tmp_path: Path) -> None:
    found = [Conflict(f"app/{kind}.py", kind) for kind in conflicts.STEPS]
    listed = "\n".join(conflicts.lines(found, tmp_path))
    assert listed.startswith("The core:")
    assert all(f"app/{kind}.py ({kind})" in listed for kind in conflicts.STEPS)


@pytest.mark.parametrize("is_used", [False, True])
def test_a_database_is_copied_and_the_copy_deleted(
    own_database: str, tmp_path: Path, is_used: bool
) -> None:
    work = tmp_path / "work"
    work.mkdir()
    engine = create_engine(own_database, poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE notes (words TEXT)"))
        connection.execute(text("INSERT INTO notes VALUES ('one')"))
    held = engine.connect() if is_used else None
    with trial._copied(own_database, work) as copy:
        assert copy != own_database
        # So does the next upgrade see it if this one is killed.
        is_on_server = make_url(copy).get_backend_name() == "postgresql"
        assert (make_url(copy).database in trial._left_on_server(own_database)) is is_on_server
        with create_engine(copy, poolclass=NullPool).begin() as connection:
            assert connection.scalar(text("SELECT words FROM notes")) == "one"
            connection.execute(text("DROP TABLE notes"))
    assert make_url(copy).database not in trial._left_on_server(own_database)
    if held:
        held.close()
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM notes")) == 1


def test_a_copy_that_cannot_be_made_says_why(tmp_path: Path) -> None:
    for url, reason in (
        (f"sqlite:///{tmp_path / 'none.sqlite'}", "There is no database"),
        ("mysql://localhost/x", "cannot be copied"),
        ("postgresql+psycopg://kit:secret@127.0.0.1:1/none", "No database can be created"),
    ):
        with pytest.raises(trial.NotTried, match=reason) as refused, trial._copied(url, tmp_path):
            pass
        assert "secret" not in str(refused.value)


def test_a_new_file_is_seen_whatever_git_is_set_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The undo of a killed upgrade and of `make new` would have removed it."""
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "config", "status.showUntrackedFiles", "no")
    (tmp_path / "mine.txt").touch()
    with pytest.raises(UpgradeRefused, match="mine"):
        Repository(tmp_path).ensure_clean()
    monkeypatch.setattr(checkout, "BASE_DIR", tmp_path)
    with pytest.raises(checkout.CommandRefused, match="mine"):
        checkout.ensure_clean()
    new = script("new")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(new.Refused, match="mine"):
        new.check_clone()


def test_a_quote_in_a_setting_survives_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new, file = script("new"), tmp_path / ".env"
    file.write_text("A=1\n")
    monkeypatch.setattr(new, "ENV", file)
    url = "postgresql://ada:it's\\@localhost/x"
    new.add_setting("DEV_DATABASE_URL", url)
    assert reader._from_file(file) == {"A": "1", "DEV_DATABASE_URL": url}
