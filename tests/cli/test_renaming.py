"""Rename the product, and start one from a fresh clone, in a repository of its own."""

import os
import pty
import shutil
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import make_url

from app.kit.cli import renaming
from app.kit.features import checkout, installed
from app.kit.features.checkout import CommandRefused
from app.kit.renaming import PLACES
from settings import kit_record, product
from tests.databases import NEEDS_POSTGRESQL
from tests.fixtures.clones import git, of_the_kit, script

KIT = "Flask-" + "Base"
# The notice that the kit's licence asks for, and guides for those who come from the older project.
KEPT = ("LICENSE:", "docs/", "CHANGELOG.md:", "scripts/", "settings/old_names.py:")


def left_in(folder: Path) -> list[str]:
    command = ["git", "grep", "-InF", KIT]
    found = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return [line for line in found.stdout.splitlines() if not line.startswith(KEPT)]


@pytest.fixture
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkout, "ensure_clean", lambda: None)


def test_the_difference_is_shown_before_anything_changes(app, clean: None) -> None:
    asked = app.test_cli_runner().invoke(args=["rename", "Ünlike Any Other"], input="n\n")
    assert asked.exit_code == 1
    for place in PLACES:
        if not place.startswith("docs/"):  # which lose their parts on the kit once
            assert f"+++ b/{place}" in asked.output
    assert "+# Ünlike Any Other" in asked.output
    assert product.name_in(kit_record.ROOT) == product.name()


def test_an_impossible_rename_is_refused(app, monkeypatch: pytest.MonkeyPatch) -> None:
    runner = app.test_cli_runner()
    refused = runner.invoke(args=["rename", "<script>", "--yes"])
    assert refused.exit_code == 1
    assert "A name has no < >" in refused.output

    def changes() -> None:
        raise CommandRefused("The working tree has changes.")

    monkeypatch.setattr(checkout, "ensure_clean", changes)
    refused = runner.invoke(args=["rename", "Other", "--yes"])
    assert refused.exit_code == 1
    assert "The working tree has changes." in refused.output


def test_a_rename_says_how_the_former_prefix_stays(app, monkeypatch: pytest.MonkeyPatch) -> None:
    """Archives under the former prefix are neither found nor deleted under the new one."""
    monkeypatch.delenv("QUEUE_PREFIX", raising=False)
    with app.app_context():
        assert "QUEUE_PREFIX=acme on a server" in "\n".join(renaming._steps("acme", "Other"))
        assert "QUEUE_PREFIX" not in "\n".join(renaming._steps("other", "Other"))


@pytest.mark.slow
@of_the_kit
def test_a_renamed_clone_keeps_nothing_of_the_name(in_clone, clone: Path) -> None:
    renamed = in_clone("rename", "Acme Shop", "--yes")
    assert renamed.returncode == 0, renamed.stderr
    assert "- On a server, jobs that wait stay" in renamed.stdout
    assert left_in(clone) == []
    git(clone, "commit", "--quiet", "--all", "--message", "Rename")
    again = in_clone("rename", "Acme Shop", "--yes")
    assert again.returncode == 1
    assert "The product is called Acme Shop already." in again.stderr
    code = "import config; c = config.DevelopmentConfig({}); print(c.APP_NAME, c.QUEUE_PREFIX)"
    assert in_clone("-c", code).stdout == "Acme Shop acme-shop\n"
    passing = ["tests/settings", "tests/emails/test_snapshots.py", "tests/cli/test_users.py"]
    tests = in_clone("test", "-q", "-p", "no:cacheprovider", *passing)
    assert tests.returncode == 0, tests.stdout


@pytest.fixture
def fresh(clone: Path, tmp_path: Path) -> Iterator[Path]:
    """Return a clone of the clone, as a newcomer makes it."""
    folder = tmp_path / "fresh"
    git(clone, "clone", "--quiet", str(clone), str(folder))
    git(folder, "config", "user.name", "Ada")
    git(folder, "config", "user.email", "ada@example.com")
    (folder / ".env").write_text("SECRET_KEY=x\n")
    yield folder
    shutil.rmtree(folder)


def start(folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "scripts/new.py"], cwd=folder, stdin=subprocess.DEVNULL,
        env={"PATH": os.environ["PATH"], **variables}, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.slow
@of_the_kit
@pytest.mark.skipif(
    not {"bulk", "jobs"} <= {*installed()}, reason="A feature was removed: bulk or jobs."
)
def test_a_product_starts_with_one_commit(fresh: Path) -> None:
    begin = git(fresh, "rev-parse", "HEAD")
    for problem, variables in {
        'NAME is missing, as in make new NAME="Acme Shop"': {},
        "NAME: A name has no <": {"NAME": "<b>"},
        "There is no feature nothing": {"NAME": "Acme", "WITHOUT": "nothing"},
        "bulk requires user_search": {"NAME": "Acme", "WITHOUT": "user_search"},
        "It is sqlite, postgresql, or a URL": {"NAME": "Acme", "DATABASE": "sqlite:///x"},
        "PostgreSQL refused": {"NAME": "Acme", "DATABASE": "postgresql://x@127.0.0.1:1/x"},
    }.items():
        refused = start(fresh, **variables)
        assert refused.returncode == 1
        assert problem in refused.stderr
    assert git(fresh, "rev-parse", "HEAD") == begin
    assert not git(fresh, "status", "--porcelain")

    started = start(fresh, NAME="Acme Shop", WITHOUT="jobs")
    assert started.returncode == 0, started.stderr
    assert git(fresh, "rev-parse", "HEAD~") == begin, "one commit on top of the kit's"
    package = tomllib.loads((fresh / kit_record.FILE).read_text())
    assert package["project"]["version"] == "0.1.0"
    kit = package["tool"]["kit"]
    assert kit["name"] == "Acme Shop"
    assert git(fresh, "rev-parse", f"kit-{kit['version']}") == begin
    assert git(fresh, "remote").split() == ["kit"]
    message = git(fresh, "log", "-1", "--format=%B")
    assert f"Start Acme Shop from version {kit['version']} of the kit" in message
    assert "Without jobs." in message
    assert not (fresh / "app/features/jobs").exists()
    assert left_in(fresh) == []
    assert not git(fresh, "status", "--porcelain")
    twice = start(fresh, NAME="Other")
    assert twice.returncode == 1
    assert "This copy is Acme Shop already" in twice.stderr


class Terminal:
    """A terminal in which scripts/new.py asks its questions."""

    def __init__(self, folder: Path) -> None:
        self.end, other = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "scripts/new.py"],
            cwd=folder,
            env={"PATH": os.environ["PATH"]},
            stdin=other,
            stdout=other,
            stderr=other,
            start_new_session=True,
            # A shell without job control lets what it runs in the background ignore Ctrl-C.
            preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
        )
        os.close(other)
        self.unread = ""

    def read_to(self, words: str) -> str:
        """Return the output up to and with these words."""
        while words not in self.unread:
            try:
                more = os.read(self.end, 65536).decode()
            except OSError:  # Linux reports the end of a terminal as an error
                more = ""
            assert more, f"{words!r} does not come after {self.unread}"
            self.unread += more
        said, _, self.unread = self.unread.partition(words)
        return said + words

    def answer(self, question: str, text: str) -> str:
        said = self.read_to(question)
        os.write(self.end, f"{text}\n".encode())
        return said

    def interrupt(self) -> None:
        os.killpg(self.process.pid, signal.SIGINT)
        self.read_to("Nothing was changed.")
        assert self.process.wait(60) == 1
        os.close(self.end)


@pytest.mark.slow
@of_the_kit
@pytest.mark.skipif(
    not {"bulk", "jobs"} <= {*installed()}, reason="A feature was removed: bulk or jobs."
)
def test_questions_are_asked_again_and_ctrl_c_undoes_all(fresh: Path) -> None:
    before = git(fresh, "rev-parse", "HEAD"), (fresh / ".env").read_bytes()
    terminal = Terminal(fresh)
    for name, problem in (("", ""), ("<b>", "is one line"), ("Zoo Keeper", "has no <")):
        assert problem in terminal.answer("such as Acme Shop? ", name)
    features = terminal.answer("leave out (none: Enter)? ", "nothing")
    listed = [line.split()[0] for line in features.splitlines() if line.startswith("  ")]
    assert listed == sorted(installed())
    assert "There is no feature nothing." in terminal.answer("(none: Enter)? ", "user_search")
    assert "bulk requires user_search" in terminal.answer("(none: Enter)? ", "jobs")
    for database in ("mysql://x", "sqlite:///x", "postgresql://x@127.0.0.1:1/x"):
        terminal.answer("or a URL? [sqlite] ", database)
    assert "PostgreSQL refused: " in terminal.answer("or a URL? [sqlite] ", "")
    terminal.read_to("Leaving out jobs")
    terminal.interrupt()
    assert (git(fresh, "rev-parse", "HEAD"), (fresh / ".env").read_bytes()) == before
    assert not git(fresh, "status", "--porcelain")
    assert not git(fresh, "tag")

    (fresh / "mine.txt").write_text("mine")
    refused = Terminal(fresh)
    refused.read_to("The clone has changes. Commit or undo them first:\r\n?? mine.txt")
    assert refused.process.wait(60) == 1


@pytest.mark.skipif(
    "postgresql" not in os.environ.get("TEST_DATABASE_URL", ""), reason=NEEDS_POSTGRESQL
)
def test_a_database_is_made_once_and_dropped_if_the_start_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(kit_record.ROOT)
    new = script("new")
    server = make_url(os.environ["TEST_DATABASE_URL"]).set(drivername="postgresql", database="")
    name = f"cli_{uuid4().hex}"
    made = server.set(database=name).render_as_string(False)
    assert new.make_database(server.render_as_string(False), name) == (made, True)
    assert new.make_database(made, "other") == (made, False)
    assert f"The database {name} exists already" in capsys.readouterr().out
    monkeypatch.setattr(new, "check_clone", lambda: None)
    monkeypatch.setattr(new, "start", lambda *_: 1 / 0)
    for is_new, remains in ((False, True), (True, False)):
        answers = iter([name, [], (made, is_new)])
        monkeypatch.setattr(new, "ask", lambda *_, answers=answers: next(answers))
        with pytest.raises(ZeroDivisionError):
            new.main()
        with new.on_server(made) as connection:
            query = "SELECT count(*) FROM pg_database WHERE datname = %s"
            assert connection.execute(query, [name]).fetchone() == (int(remains),)
