"""An app of its own on a database of its own, where what is committed stays committed.

A file for SQLite; a fresh database on the same server where TEST_DATABASE_URL names PostgreSQL.
"""

import contextvars
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from flask_migrate import upgrade

from app import create_app
from app.extensions import db, limiter
from app.models import AuditEvent
from app.services import audit, roles
from tests.databases import own_database
from tests.support import Browser

THREADS = 20


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with own_database(tmp_path_factory.mktemp("races"), "races") as url:
        yield url


@pytest.fixture(scope="session")
def racing_app(database: str) -> Iterator[Flask]:
    limiter_of_other_apps = dict(vars(limiter))
    app = create_app("testing", {"SQLALCHEMY_DATABASE_URI": database, "RATELIMIT_ENABLED": False})
    # There is one limiter for all apps of a process.
    vars(limiter).update(limiter_of_other_apps)
    app.test_client_class = Browser
    with app.app_context():
        upgrade()
        roles.insert()
        db.session.remove()
    yield app
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def race(racing_app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., list[Any]]]:
    """Return a function that calls functions at the same moment, each in a thread of its own.

    It returns what each returned, or the exception that it raised.
    """
    monkeypatch.setattr(limiter, "enabled", False)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)

    def race(*functions: Callable[[], Any]) -> list[Any]:
        db.session.commit()  # A transaction left open would keep every other writer waiting.
        barrier = threading.Barrier(len(functions))

        def run(function: Callable[[], Any]) -> Any:
            def start() -> Any:
                barrier.wait(10)
                with racing_app.app_context():
                    try:
                        return function()
                    except Exception as error:
                        return error
                    finally:
                        db.session.remove()

            return contextvars.Context().run(start)

        with ThreadPoolExecutor(len(functions)) as pool:
            return list(pool.map(run, functions))

    with racing_app.app_context():
        yield race
        db.session.remove()
        with audit.maintenance():
            db.session.execute(AuditEvent.__table__.delete())
        for table in reversed(db.metadata.sorted_tables):
            if table.name not in {"roles", "audit_events", "audit_maintenance"}:
                db.session.execute(table.delete())
        db.session.commit()
    sys.setswitchinterval(interval)
