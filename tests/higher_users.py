"""Users with more permissions than a manager, and the data of theirs that must not change."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.extensions import db
from app.kit.database import now
from app.kit.mail.email_message import EmailMessage
from app.models import Permission, User, UserSession
from app.services import sessions
from tests.factories import make_role
from tests.support import Browser

ALL_BUT_ADMINISTER = Permission.known() & ~0x80


@pytest.fixture
def higher_users(make_user: Callable[..., User]) -> list[User]:
    """Create users with more permissions than a manager, in every state of an account."""
    states: tuple[dict[str, Any], ...] = (
        {},
        {"invited": True},
        {"suspended": True},
        {"confirmed": False},
        {"deleted_at": now()},
    )
    people = [make_user(role="Administrator", **state) for state in states]
    for user in people:
        sessions.start(user, remembered=False, address="192.0.2.1", device="Firefox")
    return people


@pytest.fixture
def manager(app: Flask, make_user: Callable[..., User]) -> tuple[Browser, User]:
    """Return a browser of a user with every permission but ADMINISTER."""
    user = make_user()
    user.role = make_role("Manager", permissions=ALL_BUT_ADMINISTER)
    browser: Any = app.test_client()
    browser.enter(user)
    return browser, user


def stored_of(people: list[User]) -> list[Any]:
    """Return all data of these users in the database, except when they were last seen."""
    db.session.expire_all()
    ids = [user.id for user in people]
    rows = select(User.__table__).where(User.id.in_(ids)).order_by(User.id)
    theirs = select(UserSession.id).where(UserSession.user_id.in_(ids)).order_by(UserSession.id)
    mails = select(EmailMessage.id)
    return [db.session.execute(query).all() for query in (rows, theirs, mails)]
