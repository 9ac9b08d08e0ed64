"""The kinds of links in mails: each does one thing, once, for one user, for a limited time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from app.extensions import db
from app.kit.database import now
from app.models import User
from tests.support import PASSWORD

NEW = "xK3#vQ9!mZ2p"
NEW_ADDRESS = "new@example.com"

MakeUser = Callable[..., User]


@dataclass
class Link:
    """A link to one user: how to get it, its URL, the form to send, and its effect."""

    make: Callable[..., str]
    browser: Any
    path: Callable[[str], str]
    data: dict[str, str]
    done: Callable[[], bool]

    def open(self, token: str) -> TestResponse:
        response: TestResponse = self.browser.get(self.path(token))
        return response


@dataclass
class LinkKind:
    """A kind of link: how to create one, its lifetime, and changes of a user that end it."""

    make: Callable[[Flask, MakeUser], Link]
    lifetime: timedelta
    ends: Sequence[Callable[[User], None]]


def changes(name: str, value: object) -> Callable[[User], None]:
    return lambda user: setattr(user, name, value)


def confirm(app: Flask, make_user: MakeUser) -> Link:
    user = make_user(confirmed=False)
    return Link(
        user.generate_confirmation_token,
        app.test_client(),
        lambda token: f"/account/confirm-account/{token}",
        {"password": PASSWORD},
        lambda: db.session.get_one(User, user.id).confirmed,
    )


def reset_password(app: Flask, make_user: MakeUser) -> Link:
    user = make_user()
    return Link(
        user.generate_password_reset_token,
        app.test_client(),
        lambda token: f"/account/reset-password/{token}",
        {"new_password": NEW, "new_password2": NEW},
        lambda: not db.session.get_one(User, user.id).verify_password(PASSWORD),
    )


def change_email(app: Flask, make_user: MakeUser) -> Link:
    user = make_user(pending_email=NEW_ADDRESS)
    browser: Any = app.test_client()
    browser.enter(user)
    return Link(
        lambda **options: user.generate_email_change_token(NEW_ADDRESS, **options),
        browser,
        lambda token: f"/account/manage/change-email/{token}",
        {},
        lambda: db.session.get_one(User, user.id).email == NEW_ADDRESS,
    )


SUSPENDED = changes("suspended_at", now())
OTHER_EMAIL = changes("email", "else@example.com")
OTHER_PASSWORD = changes("password", NEW)

LINKS = {
    "confirm": LinkKind(confirm, timedelta(days=7), [OTHER_EMAIL, SUSPENDED]),
    "reset_password": LinkKind(
        reset_password, timedelta(hours=1), [OTHER_PASSWORD, OTHER_EMAIL, SUSPENDED]
    ),
    "change_email": LinkKind(
        change_email,
        timedelta(hours=1),
        [
            *(OTHER_EMAIL, OTHER_PASSWORD, SUSPENDED),
            changes("pending_email", None),
            changes("pending_email", "third@example.com"),
        ],
    ),
}
