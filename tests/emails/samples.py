"""Create one mail of every kind, with fixed users and links."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from unittest.mock import patch

from flask import current_app
from sqlalchemy import select

from app import emails
from app.extensions import db
from app.kit import erasing, features
from app.kit.features import FOLDER
from app.kit.mail import rendering
from app.kit.mail.email_message import EmailMessage
from app.kit.mail.registry import MESSAGES, RenderedEmail
from app.models import Role, User
from tests.routes import rows

SNAPSHOTS = "snapshots"
# A long last part of a path is a token, which differs each time.
TOKEN = re.compile(r"(/account/[a-z0-9/-]+/)[A-Za-z0-9._-]{40,}")
CODE = re.compile(r"(: |<strong>)\d{6}\b")
WHEN = datetime(2031, 3, 9, 14, 5, tzinfo=UTC)

Sender = Callable[[], "EmailMessage | list[EmailMessage]"]


def make_people() -> tuple[User, User]:
    """Add a user whose name needs escaping, an invited user and a deleted user."""
    role = db.session.scalar(select(Role).where(Role.default))
    ada = User(
        first_name="Ada <b>",
        last_name='O\'Łovelace & "Co"',
        email="ada@example.com",
        pending_email="ada@new.example.com",
        confirmed=True,
        password_hash="x",
        role=role,
    )
    bob = User(
        first_name="Bob",
        last_name="Babbage",
        email="bob@example.com",
        invited_at=WHEN,
        role=role,
    )
    carl = User(
        first_name="Ada <b>",
        last_name='O\'Łovelace & "Co"',
        email="carl@example.com",
        deleted_at=WHEN,
        confirmed=True,
        role=role,
    )
    ada.must_change_password = True
    db.session.add_all([ada, bob, carl])
    db.session.commit()
    return ada, bob


def file_of(name: str) -> Path:
    """Return the snapshot file of a mail; a feature keeps those of its own messages."""
    parts = MESSAGES[name].values.__module__.split(".")
    is_of_feature = parts[:2] == ["app", "features"]
    tests = FOLDER / parts[2] / "tests" if is_of_feature else Path(__file__).parent
    return tests / SNAPSHOTS / f"{name}.txt"


def files() -> set[Path]:
    """Return every snapshot file."""
    folders = [Path(__file__).parent, *(folder / "tests" for folder in features.folders())]
    return {file for folder in folders for file in (folder / SNAPSHOTS).glob("*.txt")}


def senders(ada: User, bob: User) -> dict[str, Sender]:
    """Return a function for each kind of mail that writes one."""
    of_features = {name: partial(write, ada) for name, write in rows("MAILS").items()}
    return of_features | {
        "confirm": lambda: emails.send_confirm(bob),
        "change_email": lambda: emails.send_change_email(ada, "ada@new.example.com"),
        "reset_password": lambda: emails.send_reset_password("ada@example.com"),
        "already_registered": lambda: emails.send_already_registered("ada@example.com"),
        "account_created": lambda: emails.send_account_created(ada),
        "email_change_requested": lambda: emails.send_email_change_requested(
            ada, "ada@new.example.com"
        ),
        "email_changed": lambda: emails.send_email_changed(
            ada, old_email="ada@example.com", new_email="ada@new.example.com"
        ),
        "password_changed": lambda: emails.send_password_changed(ada),
        "role_changed": lambda: emails.send_role_changed(ada),
        "address_reserved": lambda: emails.send_address_reserved("carl@example.com"),
        "password_change_required": lambda: emails.send_password_change_required(ada),
        "account_suspended": lambda: emails.send_account_suspended(ada),
        "account_reactivated": lambda: emails.send_account_reactivated(ada),
    }


def show(sender: Sender) -> RenderedEmail:
    """Write a mail, and return the first one as it would be sent now."""
    written = sender()
    row = written[0] if isinstance(written, list) else written
    db.session.flush()
    for name in {"when", "until", "expires_at"} & set(row.context):
        row.context = {**row.context, name: WHEN.isoformat()}
    # Mails about a deleted account name a date if a feature erases it.
    with patch.object(erasing, "delays", [lambda: timedelta(days=30)]):
        return rendering.render(row)


def snapshot(mail: RenderedEmail) -> str:
    """Return the text to compare: the whole mail without tokens, codes and ids."""
    whole = (
        f"To: {mail.recipient}\nSubject: {mail.subject}\n"
        f"\n{mail.text}\n\n{'-' * 72}\n\n{mail.html}\n"
    )
    assert current_app.config["SECRET_KEY"] not in whole
    whole = CODE.sub(r"\1<code>", TOKEN.sub(r"\1<token>", whole))
    return re.sub(r"join-from-invite/\d+", "join-from-invite/<id>", whole)
