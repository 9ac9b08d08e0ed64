"""Users and browsers that send the forms of the app."""

import html
import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from werkzeug.test import TestResponse

from app import emails
from app.extensions import db
from app.models import Role, User
from tests.support import PASSWORD, Browser

NEW_PASSWORD = "another correct horse battery"
HIDDEN = re.compile(r'<input[^>]*type="hidden"[^>]*>')
HOSTILE = '"><img src=x onerror=alert(1)>{{7*7}}'

NEW_USER = {"first_name": "Grace", "last_name": "Hopper", "email": "grace@example.com"}
NEW_NAME = {"first_name": "Augusta", "last_name": "King"}
NEW_PASSWORDS = {"new_password": NEW_PASSWORD, "new_password2": NEW_PASSWORD}
OLD_AND_NEW = {"old_password": PASSWORD} | NEW_PASSWORDS
TWICE = {"password": NEW_PASSWORD, "password2": NEW_PASSWORD}
UNCONFIRMED, INVITED, SUSPENDED = {"confirmed": False}, {"invited": True}, {"suspended": True}


class World:
    """An administrator's browser, a stranger's browser, and users for actions on them."""

    def __init__(
        self,
        app: Flask,
        make_user: Callable[..., User],
        admin: User,
        request: pytest.FixtureRequest,
    ) -> None:
        self.app, self.make_user, self.admin, self.request = app, make_user, admin, request
        self.stranger: Any = app.test_client()
        self.browser: Any = app.test_client()
        self.browser.enter(admin)

    def as_user(self, **values: Any) -> tuple[User, Any]:
        """Return a new user, and a browser in which they are signed in."""
        user = self.make_user(**values)
        browser: Any = self.app.test_client()
        browser.enter(user)
        return user, browser

    def mail(self, state: str) -> int:
        """Add a mail to the outbox and return its id."""
        row = emails.send_confirm(self.make_user(confirmed=False))
        row.state = state
        db.session.commit()
        return row.id

    def add_job(self, **values: Any) -> str:
        """Add a job to the queue and return its id."""
        job_id: str = self.request.getfixturevalue("add_job")(**values)
        return job_id

    def role(self, name: str) -> Role:
        return db.session.scalars(select(Role).where(Role.name == name)).one()

    def send(self, browser: Browser, path: str, *, form_at: str = "", **data: Any) -> TestResponse:
        """Open a page, and send its form with the hidden fields of the form."""
        page = browser.get(form_at or path, follow_redirects=True).text
        fields: dict[str, str] = {}
        for tag in HIDDEN.findall(page):
            name, value = (re.search(rf'\b{key}="([^"]*)"', tag) for key in ("name", "value"))
            if name:
                fields.setdefault(name.group(1), html.unescape(value.group(1)) if value else "")
        assert "csrf_token" in fields, f"no form at {form_at or path}"
        return browser.post(path, data=fields | data)


Sender = Callable[[World], TestResponse]


def on_user(path: str, *, user: dict[str, Any] | None = None, **data: Any) -> Sender:
    """Return a function that sends a form about a new user."""

    def send(world: World) -> TestResponse:
        about = world.make_user(**(user or {}))
        return world.send(world.browser, f"/admin/user/{about.id}/{path}", **data)

    return send


def link(path: str, purpose: str, **values: Any) -> Callable[[World], str]:
    """Return a function that makes a user, and a URL with a token for them."""

    def make(world: World) -> str:
        user = world.make_user(**values)
        token = getattr(user, f"generate_{purpose}_token")()
        return path.format(user=user, token=token)

    return make


def by_token(
    path: str, purpose: str, *, data: dict[str, str] | None = None, **values: Any
) -> Sender:
    """Return a function that sends the form of a page whose URL holds a token."""
    make = link(path, purpose, **values)
    return lambda world: world.send(world.stranger, make(world), **(data or {}))


def as_user(
    path: str, *, form_at: str = "", user: dict[str, Any] | None = None, **data: Any
) -> Sender:
    """Return a function that sends a form as a new user."""

    def send(world: World) -> TestResponse:
        _, browser = world.as_user(**(user or {}))
        return world.send(browser, path, form_at=form_at, **data)

    return send


def as_stranger(path: str, **data: Any) -> Sender:
    return lambda world: world.send(world.stranger, path, **data)


def as_admin(path: str, *, form_at: str = "", **data: Any) -> Sender:
    return lambda world: world.send(world.browser, path, form_at=form_at, **data)


def with_role(path: str, **data: Any) -> Sender:
    """Return a function that sends a form in which a role is chosen."""
    return lambda world: world.send(world.browser, path, role=world.role("User").id, **data)


def elsewhere(_world: World) -> list[int]:
    """Return no rows, because other tests give rows of this kind hostile texts."""
    return []
