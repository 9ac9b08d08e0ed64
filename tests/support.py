"""A client that behaves like a browser, and helpers to read pages."""

import contextvars
import html
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from html.parser import HTMLParser
from importlib import import_module
from typing import Any

import pytest
from argon2 import PasswordHasher
from flask import current_app, has_app_context, has_request_context
from flask.testing import FlaskClient
from limits.storage import MemoryStorage
from sqlalchemy import insert
from werkzeug.test import TestResponse

from app.extensions import db
from app.kit import features, passwords
from app.kit.database import now
from app.kit.web.sign_in.second_steps import steps_of
from app.models import User, UserSession
from tests import compiled_templates, revisions

PASSWORD = "correct horse battery staple"
# Tests hash thousands of passwords, and none of these hashes needs to be strong.
REAL_HASHER = passwords.hasher
passwords.hasher = PasswordHasher(memory_cost=8, time_cost=1, parallelism=1)
passwords.verify(None, PASSWORD)  # creates the hash that replaces a missing one


class LaneOfTests(passwords.OpenLane):
    """Refuses to hash while a request has a transaction open.

    In a web process a hash may wait for others. On SQLite the transaction of a form has the write
    lock meanwhile, so that nobody else can write.
    """

    @contextmanager
    def slot(self) -> Iterator[None]:
        assert not has_request_context() or not db.session().in_transaction(), (
            "Hash before the transaction begins, or commit it first: app.services.sign_in"
        )
        yield


passwords.lane = LaneOfTests()


compiled_templates.share()
revisions.share()
# Counts expire without this method, which starts a thread up to 100 times a second.
pytest.MonkeyPatch().setattr(MemoryStorage, "_MemoryStorage__schedule_expiry", lambda _self: None)

TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')
LINK = re.compile(r"https?://[^\s\"'<>]+")


class Browser(FlaskClient):
    """A client that sends each request in a context of its own.

    A request made while the test has an app context would reuse it, with the user that
    Flask-Login has cached there. An anonymous client would then look signed in.
    """

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        if not has_app_context():  # true while a redirect is followed
            return super().open(*args, **kwargs)
        db.session.commit()
        # Streamed responses are read in that context too.
        kwargs.setdefault("buffered", True)
        response = contextvars.Context().run(super().open, *args, **kwargs)
        db.session.expire_all()
        return response

    def csrf_token(self, path: str = "/account/login") -> str:
        """Return a token of this browser's session, from the form at `path`."""
        found = TOKEN.search(self.get(path, follow_redirects=True).text)
        assert found, f"no form at {path}"
        return html.unescape(found.group(1))

    def submit(
        self, path: str, data: dict[str, Any] | None = None, *, form_at: str = "", **kwargs: Any
    ) -> TestResponse:
        """Open the page at `form_at`, else at `path`, and send its form."""
        token = self.csrf_token(form_at or path)
        return self.post(path, data={**(data or {}), "csrf_token": token}, **kwargs)

    def sign_in(self, email: str, password: str = PASSWORD, **fields: str) -> TestResponse:
        response = self.submit("/account/login", {"email": email, "password": password, **fields})
        assert response.status_code == 302, response.text
        return response

    def enter(self, user: User, *, remembered: bool = False) -> None:
        """Give this browser a session of `user`, without the event and the mail of a sign-in.

        `last_seen_at` stays as it is.
        """
        settings = current_app.config
        lifetime = settings["REMEMBER_LIFETIME"] if remembered else settings["SESSION_LIFETIME"]
        token = UserSession.new_token()
        started = insert(UserSession).values(
            user_id=user.id,
            token_hash=UserSession.hash_token(token),
            remembered=remembered,
            has_second_factor=bool(steps_of(user, "password")),
            expires_at=now() + timedelta(seconds=lifetime),
            address="127.0.0.1",
            device="test",
        )
        db.session.execute(started)
        db.session.commit()
        with self.session_transaction() as session:
            session.clear()
            session.update(_user_id=token, _fresh=True)

    def is_signed_in(self) -> bool:
        return self.get("/account/manage").status_code == 200


class Tags(HTMLParser):
    """The tags of a page, with their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def links(text: str) -> list[str]:
    """Return the URLs in a text, in order."""
    return LINK.findall(text)


def path_of(link: str) -> str:
    """Return the part of a URL of this app after the host."""
    return re.sub(r"^https?://[^/]+", "", link)


def needs(*names: str) -> pytest.MarkDecorator:
    """Skip a test if a feature besides its own is off or removed.

    A test of one feature stands in the folder of the feature (tests/contracts/test_places.py).
    """
    missing = sorted(set(names) - set(features.names()))
    reason = f"The feature {', '.join(missing)} is off or was removed."
    return pytest.mark.skipif(bool(missing), reason=reason)


def module_of(feature: str, module: str = "") -> Any:
    """Return a module of another feature for tests that need it, or None if it is removed."""
    if feature not in features.names():
        return None
    return import_module(f"app.features.{feature}{module and '.'}{module}")
