"""Serve the app with gunicorn and the production configuration, on its own PostgreSQL."""

import http.client
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

import psycopg
import pytest

from tests import processes
from tests.cli.test_manage import PRODUCTION, environment
from tests.processes import Program
from tests.queue.support import free_port, until

PASSWORD = PRODUCTION["ADMIN_PASSWORD"]
TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    text: str


@dataclass
class Site:
    """A running gunicorn, and a browser that may be signed in."""

    port: int
    process: Program
    log_file: Path
    database: str
    cookies: dict[str, str] = field(default_factory=dict)

    @property
    def cookie(self) -> str:
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items())

    @property
    def log(self) -> str:
        return self.log_file.read_text(errors="replace")

    def ask(self, path: str, method: str = "GET", **form: str) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = {"Host": "localhost", "Cookie": self.cookie}
        body = urlencode(form) if form else None
        if form:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            text = response.read().decode(errors="replace")
        finally:
            connection.close()
        for cookie in response.headers.get_all("Set-Cookie", []):
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        return Answer(response.status, response.headers, text)

    def is_up(self) -> bool:
        assert self.process.poll() is None, self.log
        try:
            return self.ask("/healthz").status == 200
        except OSError:
            return False

    def csrf_token(self, path: str) -> str:
        """Return the token of the forms on a page."""
        token = TOKEN.search(self.ask(path).text)
        assert token
        return token.group(1)

    def sign_in(self, email: str, password: str = PASSWORD) -> None:
        self.cookies.clear()
        token = self.csrf_token("/account/login")
        form = {"email": email, "password": password, "csrf_token": token}
        assert self.ask("/account/login", "POST", **form).status == 302
        assert self.ask("/account/manage").status == 200

    def raw(self, *pieces: bytes) -> bytes:
        """Send bytes unchanged, close the sending side, and return the whole response."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as connection:
            for piece in pieces:
                connection.sendall(piece)
            connection.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.fixture(scope="session")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Site]]:
    """Return a function that migrates a database and starts gunicorn on it."""
    started: list[Program] = []

    def run(database: str, application: str = "manage:app", **variables: str) -> Site:
        folder = tmp_path_factory.mktemp("site")
        settings = {
            **PRODUCTION,
            "APP_URL": "http://localhost",
            "SSL_DISABLE": "True",
            "DATABASE_URL": database,
            "ADMIN_EMAIL": "admin@example.com",
            "WEB_CONCURRENCY": "1",
            **variables,
        }
        for command in (["db", "upgrade"], ["setup_prod"]):
            done = processes.run("manage.py", *command, env=environment(**settings))
            assert done.returncode == 0, done.stderr
        port, log_file = free_port(), folder / "log"
        with log_file.open("wb") as log:
            process = Program(
                *("-m", "gunicorn", "-c", "gunicorn.conf.py"),
                *("--bind", f"127.0.0.1:{port}", application),
                env=environment(**settings),
                stdout=log.fileno(),
            )
        started.append(process)
        site = Site(port, process, log_file, database)
        until(site.is_up, "gunicorn")
        return site

    yield run
    for process in started:
        process.kill()
        process.wait()


def program(name: str) -> str | None:
    """Return the path of one of PostgreSQL's programs, which are rarely on the PATH."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return shutil.which(name, path=os.pathsep.join([os.environ["PATH"], *map(str, folders)]))


@dataclass
class OwnPostgres:
    """The test's own PostgreSQL, which can be stopped and frozen."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None
    frozen: list[int] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    @property
    def user(self) -> str | None:
        """PostgreSQL refuses to run as root."""
        return "postgres" if os.geteuid() == 0 else None

    def create(self) -> None:
        if self.user:
            shutil.chown(self.folder, self.user)
        subprocess.run(
            [
                *(str(program("initdb")), "-D", str(self.folder / "data"), "-U", "postgres"),
                *("--auth=trust", "--no-sync"),
            ],
            user=self.user,
            cwd=self.folder,
            check=True,
            capture_output=True,
        )

    def start(self) -> None:
        settings = [f"-cport={self.port}", "-clisten_addresses=127.0.0.1", "-cfsync=off"]
        settings += [f"-cunix_socket_directories={self.folder}"]
        self.process = subprocess.Popen(
            [str(program("postgres")), "-D", str(self.folder / "data"), *settings],
            user=self.user,
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until(self.answers, "PostgreSQL")

    def answers(self) -> bool:
        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def stop(self) -> None:
        """Stop as a restart does, which closes all connections."""
        if self.process is not None:
            self.thaw()
            self.process.send_signal(signal.SIGINT)
            self.process.wait()
            self.process = None

    def freeze(self) -> None:
        """Freeze every process of the server, whose kernel still accepts connections."""
        assert self.process is not None
        self.frozen = [self.process.pid]
        os.kill(self.process.pid, signal.SIGSTOP)
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        for child in map(int, children.split()):
            os.kill(child, signal.SIGSTOP)
            self.frozen.append(child)

    def thaw(self) -> None:
        while self.frozen:
            os.kill(self.frozen.pop(), signal.SIGCONT)


@pytest.fixture(scope="session")
def own_postgres() -> Iterator[OwnPostgres]:
    if program("initdb") is None:
        pytest.skip("The program initdb of PostgreSQL is not installed.")
    # The path of a socket must be short, and the user postgres cannot open pytest's folders.
    server = OwnPostgres(Path(tempfile.mkdtemp(prefix="pg")), free_port())
    try:
        server.create()
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(server.folder)


@pytest.fixture(scope="session")
def site_on_postgres(serve: Callable[..., Site], own_postgres: OwnPostgres) -> Site:
    site = serve(own_postgres.url)
    site.sign_in("admin@example.com")
    return site


@pytest.fixture(scope="session")
def site(serve: Callable[..., Site], tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Return the app on SQLite, with one web process."""
    return serve(f"sqlite:///{tmp_path_factory.mktemp('site') / 'data.sqlite'}")
