"""A web app in this process, a worker in another, and the servers between and behind them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from os import environ
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from flask_migrate import upgrade

from app import create_app, emails
from app.extensions import db
from app.kit.queue import TASKS
from app.models import EmailMessage, User
from app.services import roles
from tests.databases import own_database
from tests.queue.example_tasks import register
from tests.queue.support import MailServer, Process, RedisServer
from tests.support import Browser

SECRET_KEY = "a key that web and worker of the tests share 0123456789"


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def make_mail_server() -> Iterator[Callable[..., MailServer]]:
    """Return a function that starts a mail server with aiosmtpd's options."""
    started: list[MailServer] = []

    def make(**options: Any) -> MailServer:
        server = MailServer(**options)
        server.start()
        started.append(server)
        return server

    yield make
    for server in started:
        server.stop()


@pytest.fixture
def smtp(make_mail_server: Callable[..., MailServer]) -> MailServer:
    return make_mail_server()


@pytest.fixture
def database_url(tmp_path: Path) -> Iterator[str]:
    """A database of the test's own, which several processes can open."""
    with own_database(tmp_path, "queue") as url:
        yield url


@pytest.fixture
def environment(database_url: str, redis: RedisServer, smtp: MailServer) -> dict[str, str]:
    """What the worker finds in its environment, whatever a developer's .env says."""
    kept = {name: environ[name] for name in ("PATH", "HOME", "SYSTEMROOT") if name in environ}
    return {
        **kept,
        "PYTHONUNBUFFERED": "1",
        "FLASK_CONFIG": "development",
        "DEV_DATABASE_URL": database_url,
        "SECRET_KEY": SECRET_KEY,
        "APP_URL": "http://localhost",
        "REDIS_URL": redis.url,
        "QUEUE_PREFIX": "test",
        "LOG_LEVEL": "INFO",
        "MAIL_SERVER": "127.0.0.1",
        "MAIL_PORT": str(smtp.port),
        "MAIL_USE_TLS": "False",
        "MAIL_USE_SSL": "False",
        "MAIL_USERNAME": "",
        "MAIL_PASSWORD": "",
        "MAIL_TIMEOUT": "5",
    }


@pytest.fixture
def web(database_url: str, redis: RedisServer) -> Iterator[Flask]:
    """The app with the worker's database and Redis."""
    app = create_app(
        "testing",
        {
            "SQLALCHEMY_DATABASE_URI": database_url,
            "REDIS_URL": redis.url,
            "QUEUE_PREFIX": "test",
            "SECRET_KEY": SECRET_KEY,
            # The limiter is shared by all apps and outlives this one's Redis.
            "RATELIMIT_STORAGE_URI": "memory://",
        },
    )
    app.test_client_class = Browser
    with app.app_context():
        upgrade()
        roles.insert()
        yield app
        db.session.remove()
        for engine in db.engines.values():
            engine.dispose()


@pytest.fixture
def run(environment: dict[str, str]) -> Iterator[Callable[..., Process]]:
    """Return a function that starts a command of manage.py, ended with the test."""
    started: list[Process] = []

    def start(*arguments: str, program: str = "manage.py", **variables: str) -> Process:
        process = Process({**environment, **variables}, *arguments, program=program)
        started.append(process)
        return process

    yield start
    for process in started:
        process.end()


@pytest.fixture
def example_tasks() -> Iterator[None]:
    """The tasks of tests, which a worker started by tests/queue/manage.py knows as well."""
    before = dict(TASKS)
    register()
    yield
    TASKS.clear()
    TASKS.update(before)


@pytest.fixture
def start_worker(run: Callable[..., Process]) -> Callable[..., Process]:
    """Return a function that starts a worker and waits until it is ready."""

    def start(*arguments: str, program: str = "manage.py", **variables: str) -> Process:
        worker = run("run_worker", *arguments, program=program, **variables)
        worker.wait_for_line("waits for tasks")
        return worker

    return start


@pytest.fixture
def make_mails(web: Flask) -> Callable[[int], list[EmailMessage]]:
    """Return a function that makes so many users and a mail to each."""

    def make(count: int) -> list[EmailMessage]:
        rows = []
        for _ in range(count):
            user = User(email=f"{uuid4().hex}@example.com", first_name="P", last_name="Q")
            db.session.add(user)
            db.session.commit()
            rows.append(emails.send_reset_password(user.email))
        return rows

    return make
