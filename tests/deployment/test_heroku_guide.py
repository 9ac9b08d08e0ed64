"""Run the processes of the Procfile as Heroku does, with the settings of docs/deploy-heroku.md.

A small router stands for Heroku's. The slug is built by bin/post_compile, as the buildpack does.
"""

from __future__ import annotations

import os
import re
import secrets
import select
import shlex
import signal
import socket
import socketserver
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests import databases
from tests.deployment import guide
from tests.deployment.next_release import add_a_migration
from tests.deployment.visitors import ask, visitors
from tests.queue.support import free_port, until
from tests.serving_threads import serving

pytestmark = [
    pytest.mark.deployment,
    pytest.mark.skipif(
        databases.chosen().get_backend_name() == "sqlite",
        reason=databases.NEEDS_POSTGRESQL,
    ),
]

PAGE = (guide.ROOT / "docs" / "deploy-heroku.md").read_text()
PROCFILE = dict(
    line.split(": ", 1) for line in (guide.ROOT / "Procfile").read_text().splitlines() if line
)
# The buildpack sets these in each dyno, in .profile.d.
OF_BUILDPACK = {
    "GUNICORN_CMD_ARGS": "--access-logfile -",
    "FORWARDED_ALLOW_IPS": "*",
    "WEB_CONCURRENCY": "1",
    "PYTHONUNBUFFERED": "true",
}
OF_ROUTER = b"X-Forwarded-Proto: https\r\nX-Forwarded-Port: 443\r\nVia: 1.1 heroku-router\r\n"
PATIENCE = 25  # seconds: Heroku gives a process 30


def settings_of_the_guide() -> dict[str, str]:
    found = re.search(r"^heroku config:set (.*?)\n\n", PAGE, re.MULTILINE | re.DOTALL)
    assert found
    text = found[1].replace("\\\n", " ").replace("…", "x")
    # The commands in it need Heroku's client.
    text = re.sub(r'APP_URL="\$\(.*?\)"', f"APP_URL=https://{guide.HOST}", text)
    text = re.sub(r'"\$\([^\n]*?token_urlsafe.*?\)"', secrets.token_urlsafe(48), text)
    return dict(word.split("=", 1) for word in shlex.split(text))


class Dyno:
    """One process of the Procfile, in a session of its own."""

    def __init__(self, slug: Path, settings: dict[str, str], command: str, log: Path) -> None:
        self.port, self.log = free_port(), log
        with log.open("w") as output:
            self.process = subprocess.Popen(
                ["bash", "-c", command],
                cwd=slug,
                env={**settings, "PORT": str(self.port)},
                start_new_session=True,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def connect(self) -> socket.socket | None:
        assert self.process.poll() is None, self.log.read_text()
        with suppress(ConnectionRefusedError):
            return socket.create_connection(("127.0.0.1", self.port))
        return None

    def wait_until_it_listens(self) -> None:
        until(self.connect, "the dyno listens").close()

    def wait_for_line(self, part: str) -> None:
        until(lambda: part in self.log.read_text(), part)

    def end(self) -> str:
        """Signal all processes of the dyno twice, as Heroku may, and return what was logged."""
        for _ in range(2):
            self.signal(signal.SIGTERM)
        assert self.process.wait(PATIENCE) in {0, -signal.SIGTERM}, self.log.read_text()
        return self.log.read_text()

    def signal(self, number: int) -> None:
        command = ["ps", "-o", "pid=", "-s", str(self.process.pid)]
        listed = subprocess.run(command, check=False, capture_output=True, text=True)
        for pid in listed.stdout.split():
            with suppress(ProcessLookupError):
                os.kill(int(pid), number)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        self.process.wait()


class Router(socketserver.ThreadingTCPServer):
    """Pass each connection to a dyno, and wait until one listens. The visitors send its headers."""

    daemon_threads = True
    request_queue_size = 100
    dyno: Dyno

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Route)
        self.port = int(self.server_address[1])


class Route(socketserver.BaseRequestHandler):
    server: Router

    def handle(self) -> None:
        with until(self.connect, "a dyno listens") as dyno:
            other = {self.request: dyno, dyno: self.request}
            while True:
                for source in select.select(list(other), [], [])[0]:
                    data = source.recv(65536)
                    if not data:
                        return
                    other[source].sendall(data)

    def connect(self) -> socket.socket | None:
        return self.server.dyno.connect()


class Application:
    """An application with the config vars of the guide, add-ons, and dynos of two releases."""

    def __init__(self, folder: Path, database: str, redis: str) -> None:
        self.folder = folder
        self.dynos: list[Dyno] = []
        self.settings = {
            **OF_BUILDPACK,
            **settings_of_the_guide(),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "DATABASE_URL": re.sub(r"^postgresql(\+\w+)?:", "postgres:", database),
            "REDIS_URL": redis,
        }

    def run(self, slug: Path, command: str) -> subprocess.CompletedProcess[str]:
        """Run a one-off dyno."""
        return subprocess.run(
            ["bash", "-c", command],
            cwd=slug,
            env=self.settings,
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def release(self, slug: Path) -> None:
        done = self.run(slug, PROCFILE["release"])
        assert done.returncode == 0, done.stdout

    def start(self, slug: Path, name: str) -> Dyno:
        log = self.folder / f"{len(self.dynos)}.log"
        dyno = Dyno(slug, self.settings, PROCFILE[name], log)
        self.dynos.append(dyno)
        return dyno


@pytest.fixture
def application(tmp_path: Path, tls_url: str, own_database: str) -> Iterator[Application]:
    application = Application(tmp_path, own_database, tls_url)
    yield application
    for dyno in application.dynos:
        dyno.kill()


def build_next_release(folder: Path) -> Path:
    """Return the slug of a release with one more migration."""
    slug = folder / "slug"
    subprocess.run(["git", "clone", "--quiet", str(guide.ROOT), str(slug)], check=True)
    add_a_migration(slug)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    subprocess.run(["bin/post_compile"], cwd=slug, env={"PATH": path}, check=True)
    return slug


def test_a_release_with_preboot_loses_no_request(application: Application, tmp_path: Path) -> None:
    """The release phase migrates, new dynos start beside the old ones, and these end."""
    first = guide.ROOT
    application.release(first)
    made = application.run(first, "python manage.py setup_prod")
    assert made.returncode == 0, made.stdout
    worker, web = application.start(first, "worker"), application.start(first, "web")
    worker.wait_for_line("waits for tasks")
    web.wait_until_it_listens()
    with serving(Router()) as router:
        router.dyno = web
        assert ask(router.port, "GET") == 200
        # The guide says that one setting is left: a bucket.
        told = application.run(first, "python manage.py doctor --deploy").stdout
        assert re.findall(r"^\d+\. (.+?):", told, re.MULTILINE) == ["place of files"], told

        second = build_next_release(tmp_path)
        with visitors(router.port) as seen:
            application.release(second)
            next_worker, next_web = (application.start(second, name) for name in ("worker", "web"))
            assert "The worker has ended" in worker.end()
            next_web.wait_until_it_listens()
            router.dyno = next_web
            count = len(seen.answers)
            until(lambda: len(seen.answers) > count + 3, "the visitors have moved to the new dyno")
            assert "Shutting down" in web.end()
            next_worker.wait_for_line("waits for tasks")
        assert seen.lost == []
