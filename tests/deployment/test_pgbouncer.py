"""Run PgBouncer in transaction mode between the app and PostgreSQL, as in docs/deploy-linux.md."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator

import psycopg
import pytest
from sqlalchemy import make_url, text

from app.extensions import db
from tests.databases import NEEDS_POSTGRESQL
from tests.deployment import guide
from tests.deployment.client import Client
from tests.deployment.conftest import PASSWORD, program
from tests.deployment.services import ListeningSocket, WebService
from tests.queue.support import MailServer, Process, free_port, until
from tests.support import module_of

pytestmark = [
    pytest.mark.deployment,
    pytest.mark.skipif("TEST_DATABASE_URL" not in os.environ, reason=NEEDS_POSTGRESQL),
]
HTTPS = {"X-Forwarded-Proto": "https"}
FORM = {"Content-Type": "application/x-www-form-urlencoded", "Origin": f"https://{guide.HOST}"}


@pytest.fixture(scope="module")
def direct(make_database: Callable[[str], str]) -> str:
    return make_database("pooled")


@pytest.fixture(scope="module")
def pooled(direct: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the URL of a PgBouncer that assigns each transaction one of two connections."""
    url, port = make_url(direct), free_port()
    folder = tmp_path_factory.mktemp("pgbouncer")
    settings = folder / "pgbouncer.ini"
    password = f" password={url.password}" if url.password else ""
    settings.write_text(
        f"[databases]\n{url.database} = host={url.host} port={url.port or 5432} "
        f"user={url.username}{password}\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nauth_type = any\n"
        "unix_socket_dir =\npool_mode = transaction\ndefault_pool_size = 2\n"
    )
    command = [program("pgbouncer"), str(settings)]
    if os.getuid() == 0:  # PgBouncer refuses to run as root
        for one in (folder, *folder.parents[:2]):
            one.chmod(0o755)
        settings.chmod(0o644)
        command = [*command[:1], "-u", "nobody", *command[1:]]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    address = url.set(host="127.0.0.1", port=port).render_as_string(hide_password=False)

    def answers() -> bool:
        try:
            psycopg.connect(address, autocommit=True).close()
        except psycopg.OperationalError:
            return False
        return True

    try:
        until(answers, "PgBouncer answers")
        yield address
    finally:
        process.terminate()
        process.wait()


@pytest.fixture(scope="module")
def mail_server() -> Iterator[MailServer]:
    server = MailServer()
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def environment(
    settings: dict[str, str], direct: str, pooled: str, mail_server: MailServer
) -> dict[str, str]:
    environment = {
        **settings,
        "DATABASE_URL": pooled,
        "DATABASE_DIRECT_URL": direct,
        "RATELIMIT_ENABLED": "False",
        "MAIL_SERVER": "127.0.0.1",
        "MAIL_PORT": str(mail_server.port),
        "MAIL_USE_TLS": "False",
        "MAIL_USERNAME": "",
        "MAIL_PASSWORD": "",
        "QUEUE_PREFIX": "pooled",
        "PYTHONUNBUFFERED": "1",
        "FORM_MIN_SECONDS": "0",
    }
    for command in ("release", "setup_prod"):
        subprocess.run(
            [sys.executable, "manage.py", command], cwd=guide.ROOT, env=environment, check=True
        )
    return environment


@pytest.fixture(scope="module")
def port(environment: dict[str, str]) -> Iterator[int]:
    listening = ListeningSocket()
    service = WebService(listening, {**environment, "WEB_CONCURRENCY": "2"})
    service.start()
    yield listening.port
    service.stop()
    listening.close()


class PooledClient(Client):
    """A client that marks each request as HTTPS, as nginx does."""

    def send(self, method: str, path: str, body: bytes = b"", **options: object):  # type: ignore[no-untyped-def]
        options["headers"] = {**HTTPS, **(options.get("headers") or {})}  # type: ignore[dict-item]
        return super().send(method, path, body, **options)  # type: ignore[arg-type]


def test_pages_and_exports_share_few_connections(port: int) -> None:
    """Prepared statements and session settings would belong to another visitor."""
    client = PooledClient(port)
    answer = client.submit(
        "/account/login", {"email": "you@example.com", "password": PASSWORD}, Origin=FORM["Origin"]
    )
    assert answer.status == 302, answer.text
    statuses: list[int] = []
    exports = ["/admin/users/export.csv"] if module_of("user_search") else []

    def visit() -> None:
        for _ in range(12):
            statuses.extend(client.get(path).status for path in ("/admin/", "/admin/users"))
        statuses.extend(client.get(path).status for path in exports)

    visitors = [threading.Thread(target=visit) for _ in range(4)]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join()
    assert set(statuses) == {200}
    assert len(statuses) == 4 * (24 + len(exports))


def test_jobs_run(port: int, environment: dict[str, str], mail_server: MailServer) -> None:
    client = PooledClient(port)
    for number in range(8):
        fields = {
            "first_name": "Ann", "last_name": "Bee", "email": f"ann{number}@example.com",
            "password": PASSWORD, "password2": PASSWORD,
        }  # fmt: skip
        answer = client.submit("/account/register", fields, Origin=FORM["Origin"])
        assert answer.status == 302, answer.text
    worker = Process(environment, "run_worker")
    try:
        until(lambda: len(mail_server.mails) >= 8, "eight mails were sent")
    finally:
        worker.end()


def test_a_statement_is_given_up_in_time(production, direct: str, pooled: str) -> None:  # type: ignore[no-untyped-def]
    """PgBouncer accepts no options at start-up, so each transaction sets the limit itself."""
    app = production(DATABASE_URL=pooled, DATABASE_DIRECT_URL=direct)
    with app.app_context():
        assert db.session.scalar(text("SHOW statement_timeout")) == "10s"
        db.session.rollback()
    with psycopg.connect(pooled, autocommit=True, prepare_threshold=None) as stranger:
        assert stranger.execute("SHOW statement_timeout").fetchone() == ("0",)


def test_migrations_go_past_the_pool(environment: dict[str, str], direct: str) -> None:
    """Their lock belongs to a session, which a pool assigns to others after a transaction."""
    nowhere = {**environment, "DATABASE_DIRECT_URL": f"postgresql://127.0.0.1:{free_port()}/none"}
    failed = subprocess.run(
        [sys.executable, "manage.py", "db", "current"],
        cwd=guide.ROOT, env=nowhere, capture_output=True, check=False,
    )  # fmt: skip
    assert failed.returncode != 0
