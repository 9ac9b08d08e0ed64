"""Provide databases and servers for the measurements, with settings as in production."""

import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from unittest.mock import patch

from flask import Flask
from sqlalchemy import NullPool, create_engine, make_url, text

from app import create_app
from app.kit import assets
from app.kit.redis_server import find_program
from benchmarks import postgresql, seeding
from benchmarks.clients import Browser
from benchmarks.sizes import Sizes
from config import BASE_DIR

DJANGO = "benchmarks.peers.django_admin"
SQLITE, POSTGRESQL = "SQLite", "PostgreSQL"
# The same settings as in gunicorn.conf.py.
PEERS_SETTINGS = ["-c", "/dev/null", "--worker-class", "gthread", "--threads", "2", "--reuse-port"]
PEERS_SETTINGS += ["--access-logfile", "-", "--timeout", "300"]
WAIT = 30  # seconds for a server to start, and to stop


@dataclass(frozen=True)
class Database:
    url: str
    people: int
    seconds: float  # to add the users


class Stand:
    """Context manager for all databases and servers of a run, which end with it."""

    def __init__(self, sizes: Sizes) -> None:
        self.sizes = sizes
        self.password = secrets.token_urlsafe(24)
        self.databases: dict[tuple[str, int], Database] = {}
        self._postgresql: str | None = None
        self._prepared: set[tuple[str, str]] = set()
        self._processes: list[subprocess.Popen[bytes]] = []
        self._pids: dict[int, int] = {}
        self._ports: dict[tuple[object, ...], int] = {}
        self._environment = {
            "FLASK_CONFIG": "production",
            "SSL_DISABLE": "True",
            "RATELIMIT_ENABLED": "False",
            "SECRET_KEY": secrets.token_urlsafe(48),
            "ADMIN_PASSWORD": self.password,
            "LOG_LEVEL": "ERROR",
            "MAIL_SERVER": "localhost",
            # Nothing listens on this port. A measurement that needs Redis starts one.
            "REDIS_URL": "redis://127.0.0.1:9/0",
            "WEB_CONCURRENCY": str(sizes.workers),
            "APP_URL": "http://127.0.0.1",
        }

    def __enter__(self) -> "Stand":
        with ExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="benchmarks-"))
            self.folder = Path(folder)
            stack.enter_context(patch.dict(os.environ, self._environment))
            assets.build(self.app("sqlite://"))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.wait(WAIT)
        self._stack.close()

    def app(self, url: str) -> Flask:
        """Return the kit's app in this process, for work without a server."""
        return create_app("production", {"SQLALCHEMY_DATABASE_URI": url})

    def engines(self) -> list[str]:
        """Return the engines that are available on this machine."""
        return [SQLITE, *([POSTGRESQL] if self._server() else [])]

    def database(self, people: int, engine: str = "") -> Database:
        """Return a database with an administrator, an ordinary user, and `people` fake users."""
        if (engine, people) not in self.databases:
            url = self.empty_database(engine)
            with self.app(url).app_context():
                seconds = seeding.fill(people, password=self.password)
                seeding.settle()
            self.databases[engine, people] = Database(url, people, seconds)
        return self.databases[engine, people]

    def empty_database(self, engine: str = "") -> str:
        """Create an empty database and return its URL.

        Without an engine, it is on the server of BENCH_DATABASE_URL, or else in a file.
        """
        server = os.environ.get("BENCH_DATABASE_URL")
        if engine:
            server = self._server() if engine == POSTGRESQL else None
        name = f"benchmark_{secrets.token_hex(4)}"
        if not server:
            return f"sqlite:///{self.folder / name}.sqlite"
        url = make_url(server).set(drivername="postgresql+psycopg")
        engine = create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))

        def drop() -> None:
            with engine.connect() as connection:
                connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))

        self._stack.callback(drop)
        return url.set(database=name).render_as_string(hide_password=False)

    def _server(self) -> str | None:
        """Return the URL of a PostgreSQL: BENCH_DATABASE_URL, or a server started for the run.

        Returns None if none is installed.
        """
        if self._postgresql is None:
            given = os.environ.get("BENCH_DATABASE_URL")
            self._postgresql = given or postgresql.start(self.folder, free_port(), self._stack)
        return self._postgresql

    def peers(self) -> Path | None:
        """Return the Python of the environment with the other admins, if it is installed."""
        python = BASE_DIR / ".venv-peers" / "bin" / "python"
        return python if python.exists() else None

    def django(self, url: str) -> int:
        """Serve Django's admin for the users of a database, and return its port."""
        self._have_django("prepare", url)
        url = url.replace("+psycopg", "")
        return self._gunicorn(f"{DJANGO}:application", self.peers(), DATABASE_URL=url)

    def tune_django(self, url: str) -> None:
        """Create the search index for Django's tuned admin. Both admins use it from then on."""
        self._have_django("tune", url)

    def _have_django(self, do: str, url: str) -> None:
        """Run a command of the Django project on a database once."""
        if (do, url) not in self._prepared:
            self._prepared.add((do, url))
            environment = {**os.environ, "DATABASE_URL": url.replace("+psycopg", "")}
            command = [str(self.peers()), "-m", DJANGO, do]
            subprocess.run(command, cwd=BASE_DIR, env=environment, check=True)

    def flask_admin(self, url: str) -> int:
        """Serve Flask-Admin for the users of a database, and return its port."""
        return self._gunicorn(
            "benchmarks.peers.flask_admin_app:create_app()", self.peers(), DATABASE_URL=url
        )

    def kit(self, url: str, *, redis_url: str = "", folder: Path = BASE_DIR) -> int:
        """Serve the kit as in production, or a copy of it in `folder`, and return its port."""
        more = {"REDIS_URL": redis_url} if redis_url else {}
        return self._gunicorn("manage:app", folder=folder, DATABASE_URL=url, **more)

    def bare(self, factory: str, url: str = "") -> int:
        """Serve an app of benchmarks.bare with the same gunicorn settings, and return its port."""
        return self._gunicorn(f"benchmarks.bare:{factory}()", DATABASE_URL=url)

    def redis(self) -> str:
        """Start a Redis without persistence, and return its URL."""
        port = free_port()
        command = [str(find_program()), "--port", str(port), "--bind", "127.0.0.1"]
        command += ["--save", "", "--appendonly", "no", "--dir", str(self.folder)]
        self._start(command, {}, port, _listens)
        return f"redis://127.0.0.1:{port}/0"

    def _gunicorn(
        self, app: str, python: Path | None = None, folder: Path = BASE_DIR, **environment: str
    ) -> int:
        """Start a server unless an equal one runs, and return its port."""
        asked = (app, folder, *sorted(environment.items()))
        if asked not in self._ports:
            port = free_port()
            # gunicorn.conf.py reads the kit's settings, which the peers lack.
            command = [str(python or sys.executable), "-m", "gunicorn"]
            command += PEERS_SETTINGS if python else ["-c", "gunicorn.conf.py"]
            command += ["--bind", f"127.0.0.1:{port}", app]
            environment["APP_URL"] = f"http://127.0.0.1:{port}"
            self._start(command, environment, port, _answers, folder)
            self._ports[asked] = port
        return self._ports[asked]

    def _start(
        self,
        command: list[str],
        environment: dict[str, str],
        port: int,
        is_ready: Callable[[int], bool],
        folder: Path = BASE_DIR,
    ) -> None:
        """Start a server for the duration of the run, and wait until it is ready."""
        log = self.folder / f"{port}.log"
        with log.open("w") as output:
            process = subprocess.Popen(
                command,
                cwd=folder,
                env={**os.environ, **environment},
                stdout=output,
                stderr=output,
            )
        self._processes.append(process)
        self._pids[port] = process.pid
        until = time.monotonic() + WAIT
        while not is_ready(port):
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"{command} does not start:\n{log.read_text()[-2000:]}")
            time.sleep(0.05)

    def pid(self, port: int) -> int:
        """Return the id of the process that listens on a port."""
        return self._pids[port]

    def browser(self, port: int, email: str = "", *, encoding: str = "identity") -> Browser:
        """Return a browser for a server, signed in to the kit if an email is given."""
        browser = self._stack.enter_context(closing(Browser(port, encoding=encoding)))
        if email:
            browser.sign_in(email, self.password)
        return browser


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _answers(port: int) -> bool:
    # gunicorn's parent listens briefly before its workers take over with their own sockets.
    with closing(Browser(port)) as browser:
        try:
            browser.open("/healthz")
        except (OSError, HTTPException):
            return False
    return True
