"""Start nginx and the services of the guide, on a database of their own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.pool import NullPool

from tests.databases import own_database
from tests.deployment import guide
from tests.deployment.client import Client
from tests.deployment.services import ListeningSocket, WebService
from tests.queue.support import RedisServer, free_port, until

PASSWORD = "a long sentence that only you know"


class Deployment:
    """The deployment of the guide without systemd: its services, nginx and a database."""

    def __init__(self, folder: Path, settings: dict[str, str]) -> None:
        self.folder, self.settings = folder, settings
        self.listening = ListeningSocket()
        self.web = [WebService(self.listening, settings) for _ in range(2)]
        self.http, self.https = free_port(), free_port()
        self.certificate = folder / "fullchain.pem"
        self.nginx: subprocess.Popen[bytes] | None = None

    def client(self) -> Client:
        return Client(self.https, self.certificate)

    def start(self) -> None:
        for line in guide.printed("/srv/app/update").splitlines():
            if "manage.py" in line and "build_assets" not in line:
                command = line.replace("/srv/app/venv/bin/python", sys.executable)
                subprocess.run(command.split(), cwd=guide.ROOT, env=self.settings, check=True)
        for service in self.web:
            service.start()
        self.start_nginx()

    def start_nginx(self) -> None:
        self.write_files()
        command = [program("nginx"), "-p", str(self.folder), "-c", str(self.folder / "nginx.conf")]
        subprocess.run([*command, "-t", "-q"], check=True)
        self.nginx = subprocess.Popen([*command, "-g", "daemon off;"])
        until(self.is_listening, "nginx listens")

    def is_listening(self) -> bool:
        try:
            return bool(self.client().get("/healthz").status)
        except OSError:
            return False

    def write_files(self) -> None:
        folder = self.folder
        for name in ("log", "snippets", "www", "temp"):
            (folder / name).mkdir()
        make_certificate(folder)
        snippet = guide.printed("/etc/nginx/snippets/app-proxy.conf")
        (folder / "snippets" / "app-proxy.conf").write_text(snippet)
        site = guide.put_in(
            guide.without_ipv6(guide.printed("/etc/nginx/sites-available/app")),
            {
                "listen 80": f"listen 127.0.0.1:{self.http}",
                "listen 443": f"listen 127.0.0.1:{self.https}",
                "/etc/letsencrypt/live/app.example.com": str(folder),
                "/var/log/nginx": str(folder / "log"),
                "/var/www/html": str(folder / "www"),
                "/srv/app/code/app": str(guide.ROOT / "app"),
                "127.0.0.1:8000": f"127.0.0.1:{self.listening.port}",
            },
        )
        (folder / "site.conf").write_text(site)
        temporary = "".join(
            f"{kind}_temp_path {folder}/temp;\n"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        # The relevant parts of Debian's /etc/nginx/nginx.conf.
        (folder / "nginx.conf").write_text(
            ("user root;\n" if os.getuid() == 0 else "")
            + f"worker_processes auto;\npid {folder}/nginx.pid;\n"
            f"error_log {folder}/log/error.log;\nevents {{ worker_connections 768; }}\n"
            f"http {{\naccess_log {folder}/log/access.log;\n{temporary}"
            f"include /etc/nginx/mime.types;\ndefault_type application/octet-stream;\n"
            f"include {folder}/site.conf;\n}}\n"
        )

    def logs(self) -> str:
        return "".join(file.read_text() for file in (self.folder / "log").iterdir())

    def end(self) -> None:
        if self.nginx is not None:
            self.nginx.terminate()
            self.nginx.wait()
        for service in self.web:
            service.stop()
        self.listening.close()


def program(name: str) -> str:
    """Return a program's path. A missing program fails the test, which exists to run it."""
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    assert found, f"install {name}: apt-get install {name}"
    return found


def make_certificate(folder: Path) -> None:
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", f"/CN={guide.HOST}", "-addext", f"subjectAltName=DNS:{guide.HOST}"),
            *("-keyout", str(folder / "privkey.pem"), "-out", str(folder / "fullchain.pem")),
        ],
        check=True,
        stderr=subprocess.DEVNULL,
    )


@pytest.fixture(scope="package")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="package")
def make_database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], str]]:
    """Return a function that creates an empty database, a file or on TEST_DATABASE_URL's server."""
    with ExitStack() as databases:

        def make(name: str) -> str:
            folder = tmp_path_factory.mktemp(name)
            return databases.enter_context(own_database(folder, name)).replace("+psycopg", "")

        yield make


@pytest.fixture(scope="package")
def settings(redis: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the guide's settings, with the servers of this machine."""
    return {
        **guide.settings(),
        "PATH": os.environ["PATH"],
        "SECRET_KEY": "a secret key that is only used in tests, 0123456789",
        "REDIS_URL": redis.url,
        "INSTANCE_PATH": str(tmp_path_factory.mktemp("instance")),
    }


@pytest.fixture(scope="package")
def deployment(
    settings: dict[str, str],
    make_database: Callable[[str], str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Deployment]:
    running = Deployment(
        tmp_path_factory.mktemp("server"), {**settings, "DATABASE_URL": make_database("guide")}
    )
    try:
        running.start()
        yield running
    finally:
        running.end()


@pytest.fixture(autouse=True)
def counts_from_zero(redis: RedisServer, request: pytest.FixtureRequest) -> None:
    """Reset the counters of attempts, which all tests share."""
    redis.client.flushall()
    if "deployment" in request.fixturenames:
        deployment: Deployment = request.getfixturevalue("deployment")
        url = make_url(deployment.settings["DATABASE_URL"])
        if url.get_backend_name() == "postgresql":
            url = url.set(drivername="postgresql+psycopg")
        engine = create_engine(url, poolclass=NullPool)
        with engine.begin() as connection:
            connection.execute(text("DELETE FROM password_guesses"))


@pytest.fixture
def client(deployment: Deployment) -> Client:
    return deployment.client()


@pytest.fixture
def administrator(client: Client) -> Client:
    answer = client.submit("/account/login", {"email": "you@example.com", "password": PASSWORD})
    assert answer.status == 302, re.sub(r"<[^>]+>", "", answer.text)
    return client
