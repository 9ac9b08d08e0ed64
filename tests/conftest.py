"""The app under test on an empty database, which each test finds as the one before it did."""

import logging
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from flask_migrate import upgrade

import config
from app import create_app
from app.extensions import db, limiter
from app.kit.database import reading_only
from app.kit.mail import outbox as outbox_service
from app.models import User
from app.services import roles
from tests import databases, factories
from tests.support import Browser

databases.give_each_process_its_own()


@pytest.fixture(scope="session")
def app() -> Iterator[Flask]:
    app = create_app("testing")
    app.test_client_class = Browser
    app.extensions["limiter_state"] = dict(vars(limiter))
    with app.app_context():
        drop_tables()
        upgrade()
        roles.insert()
        db.session.remove()
    yield app
    with app.app_context():
        drop_tables()
        db.engine.dispose()


def drop_tables() -> None:
    """Empty the database, also of what a run that was interrupted has left."""
    db.drop_all()
    db.session.execute(db.text("DROP TABLE IF EXISTS alembic_version"))
    db.session.commit()


@pytest.fixture(autouse=True)
def rollback(request: pytest.FixtureRequest) -> Iterator[None]:
    """Undo whatever a test that asks for the app commits."""
    # A request that a test made in its own context may have promised not to write.
    reading_only.set(False)
    if "app" not in request.fixturenames:
        yield
        return
    app = request.getfixturevalue("app")
    # There is one limiter for all apps, with the storage of the app that was made last.
    vars(limiter).update(app.extensions["limiter_state"])
    limiter.reset()
    with app.app_context():
        engines = db._app_engines[app]
        engine = engines[None]
        with engine.connect() as connection:
            transaction = connection.begin()
            engines[None] = connection
            db.session.configure(join_transaction_mode="create_savepoint")
            yield
            db.session.remove()
            engines[None] = engine
            transaction.rollback()


@pytest.fixture(autouse=True)
def close_connections() -> Iterator[None]:
    """Close the connections of the apps that a test made, which would warn in a later test."""
    yield
    for app, engines in list(db._app_engines.items()):
        if "limiter_state" not in app.extensions:
            for engine in engines.values():
                engine.dispose()


@pytest.fixture
def client(app: Flask) -> Browser:
    """An anonymous browser."""
    return app.test_client()


@pytest.fixture
def make_user(app: Flask) -> Callable[..., User]:
    return factories.make_user


@pytest.fixture
def signed_in(app: Flask) -> Callable[[User], Browser]:
    """Return a function that gives a browser in which a user is signed in."""

    def sign_in(user: User) -> Browser:
        browser = app.test_client()
        browser.sign_in(user.email)
        return browser

    return sign_in


@pytest.fixture
def admin(make_user: Callable[..., User]) -> User:
    return make_user(role="Administrator", email="admin@example.com")


PRODUCTION = {
    "FLASK_CONFIG": "production",
    "SECRET_KEY": "a secret key that is only used in tests, 0123456789",
    "APP_URL": "https://app.example.com",
    "ADMIN_PASSWORD": "correct horse battery staple",
    "DATABASE_URL": "sqlite://",
    "REDIS_URL": "redis://127.0.0.1:1/0",
}


@pytest.fixture
def production(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Flask]]:
    """Return a function that makes an app as in production, with variables of the environment."""
    made: list[Flask] = []
    root = logging.getLogger()
    kept = dict(vars(limiter)), root.handlers[:], root.level

    def make(name: str | None = None, **variables: str) -> Flask:
        monkeypatch.setattr(config, "environment", lambda: {**PRODUCTION, **variables})
        app = create_app(name)
        app.test_client_class = Browser
        made.append(app)
        root.handlers[:] = kept[1]
        return app

    yield make
    for app in made:
        with app.app_context():
            db.engine.dispose()
    vars(limiter).update(kept[0])
    root.handlers[:], root.level = kept[1:]


class Outbox:
    """The mails that the app has sent, once they are delivered."""

    def __init__(self, app: Flask) -> None:
        self.messages = app.extensions.setdefault("mail_memory", [])
        self.messages.clear()

    def deliver(self) -> list:
        """Send what is waiting and return all mails so far, oldest first."""
        outbox_service.sweep(include_new=True)
        return self.messages

    def last_text(self) -> str:
        """Deliver, and return the text of the newest mail."""
        return self.deliver()[-1].get_body(("plain",)).get_content()


@pytest.fixture
def outbox(app: Flask) -> Outbox:
    return Outbox(app)
