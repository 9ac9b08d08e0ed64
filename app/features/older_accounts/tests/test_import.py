"""Take over a database that the schema of flask-base made."""

import csv
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select, text

from app.extensions import db
from app.features.older_accounts import TakeOverReport, roles
from app.features.older_accounts.tests import old_schema
from app.models import AuditEvent, Permission, Role, User
from tests import databases
from tests.support import Browser, module_of, needs

PASSWORD = "cat and dog: ½"  # not in the normal form in which this application hashes


def hashed(method: str = "sha256", rounds: int = 50_000, salt: str = "Zb9vR4nK") -> str:
    """Return a hash as Werkzeug 0.12 stored it."""
    digest = hashlib.pbkdf2_hmac(method, PASSWORD.encode(), salt.encode(), rounds).hex()
    return f"pbkdf2:{method}:{rounds}${salt}${digest}"


ROLES = [
    {"id": 1, "name": "User", "permissions": 1},
    {"id": 2, "name": "Administrator", "permissions": 0xFF},
    {"id": 3, "name": "Moderator", "permissions": 0x05},
    {"id": 4, "name": "Boss", "permissions": 0xFF},
]


def user(user_id: int, email: str | None, **values: object) -> dict[str, object]:
    row = {"id": user_id, "email": email, "confirmed": True, "first_name": "Ada"}
    return {**row, "last_name": "Lovelace", "role_id": 1, "password_hash": HASH, **values}


HASH = hashed()
LONG = "x" * 70
USERS = [
    user(1, "admin@old.example.com", role_id=2),
    user(2, "ada@old.example.com", password_hash=hashed("sha1", 1000)),
    user(3, "CAPS@old.example.com", confirmed=False),
    user(4, "Caps@Old.example.com", role_id=3),
    user(5, "no address"),
    user(6, None),
    user(7, "long@old.example.com", first_name=LONG, last_name="http://evil.example"),
    user(8, "invited@old.example.com", confirmed=False, password_hash=None, role_id=3),
    user(9, "kind@old.example.com", password_hash="md5$salt$0123", role_id=None),
    user(10, "slow@old.example.com", password_hash=f"pbkdf2:sha256:9999999$s${'0' * 64}"),
    user(11, "above@old.example.com", confirmed=False, role_id=4),
    user(12, "taken@old.example.com"),
    user(13, "squatted@old.example.com"),
    user(15, "waiting@old.example.com"),
    user(14, "none@old.example.com", first_name=None, last_name="\u202eeman"),
]


@pytest.fixture
def old(tmp_path: Path) -> Iterator[str]:
    with databases.own_database(tmp_path, "old") as url:
        old_schema.make(url, USERS, ROLES)
        yield url


def command(app: Flask, *arguments: str) -> str:
    result = app.test_cli_runner().invoke(args=["import_flask_base", *arguments])
    assert result.exit_code == 0, result.output
    return result.output


def taken_over() -> dict[str, User]:
    return {one.email: one for one in db.session.scalars(select(User))}


def test_users_are_taken_over_once_and_problems_are_reported(
    migrated_app: Flask, old: str, tmp_path: Path
) -> None:
    with migrated_app.app_context():
        for name, is_confirmed in (("taken", True), ("squatted", False)):
            here = User(email=f"{name}@old.example.com", first_name="Here", confirmed=is_confirmed)
            here.self_registered = not is_confirmed
            here.password = "another one, and long"
            db.session.add(here)
            db.session.commit()
        # A visitor who registers with a passkey has none before the email is confirmed.
        email = "waiting@old.example.com"
        db.session.add(User(email=email, first_name="Here", self_registered=True))
        db.session.commit()
    trial = command(migrated_app, old, "--dry-run")
    assert "Nothing was changed." in trial
    with migrated_app.app_context():
        assert len(taken_over()) == 3
        assert db.session.scalar(select(func.count()).select_from(Role)) == 2

    told = command(migrated_app, old, "--ids", str(tmp_path / "ids.csv"))
    for sentence in (
        "The role Moderator has the bits 0x4, which are not taken over",
        "User 3 is left out: CAPS@old.example.com is the email of user 4.",
        "User 5 is left out: 'no address' is no email address.",
        "User 6 is left out",
        f"User 7 has a first name that is cut to 64 characters: '{LONG}'.",
        "User 7 loses the last name 'http://evil.example'",
        "User 9 has a password hash of an unknown kind",
        "User 9 has no role that is taken over: the default role.",
        "User 10 has a password hash of an unknown kind",
        "User 11 is unconfirmed and has a role of its own: without the password.",
        "User 14 loses the last name",
        f"Not read: {'' if module_of('content') else 'editable_html, '}posts, users.phone.",
        "11 users taken over",
        "1 users already here",
        "3 users left out",
    ):
        assert sentence in told, told
        is_count = sentence.endswith(("over", "here"))
        assert is_count or sentence in trial, trial
    assert "\u202e" not in told
    assert PASSWORD not in told
    assert "pbkdf2" not in told

    with migrated_app.app_context():
        found = taken_over()
        assert found["admin@old.example.com"].is_admin()
        assert found["caps@old.example.com"].confirmed
        assert found["caps@old.example.com"].role.permissions == Permission.GENERAL
        assert found["long@old.example.com"].first_name == LONG[:64]
        assert found["long@old.example.com"].last_name == ""
        assert found["invited@old.example.com"].status == "invited"
        assert found["above@old.example.com"].password_hash is None
        assert found["above@old.example.com"].role.is_administrator
        assert found["kind@old.example.com"].password_hash is None
        assert found["kind@old.example.com"].role.name == "User"
        assert found["taken@old.example.com"].first_name == "Here"
        assert found["squatted@old.example.com"].first_name == "Ada"
        assert found["waiting@old.example.com"].first_name == "Ada"
        assert "none@old.example.com" in found
        events = select(func.count()).where(AuditEvent.action == "older_account.taken_over")
        assert db.session.scalar(events) == 11
        ids = {one.email: one.id for one in found.values()}
    rows = list(csv.DictReader((tmp_path / "ids.csv").read_text().splitlines()))
    assert {"table": "users", "old_id": "2", "new_id": str(ids["ada@old.example.com"])} in rows
    assert sum(row["table"] == "roles" for row in rows) == 4

    # A second run changes nothing, not even what a user changed since.
    with migrated_app.app_context():
        User.by_email("ada@old.example.com").first_name = "Augusta"
        db.session.commit()
    again = command(migrated_app, old)
    assert "12 users already here" in again
    assert "0 users taken over" in again
    with migrated_app.app_context():
        assert {one.email: one.id for one in taken_over().values()} == ids
        assert User.by_email("ada@old.example.com").first_name == "Augusta"
        assert db.session.scalar(select(func.count()).select_from(Role)) == 4

    # Their passwords still open their accounts, and are hashed anew.
    for email in ("ada@old.example.com", "caps@old.example.com"):
        browser = Browser(migrated_app)
        assert not signs_in(browser, email, "wrong")
        assert signs_in(browser, email, PASSWORD)
        with migrated_app.app_context():
            assert User.by_email(email).password_hash.startswith("$argon2id$")
        assert signs_in(Browser(migrated_app), email, PASSWORD)


def signs_in(browser: Browser, email: str, password: str) -> bool:
    browser.submit("/account/login", {"email": email, "password": password})
    return browser.is_signed_in()


@needs("content")
def test_pages_are_taken_over_with_the_html_that_is_allowed(migrated_app: Flask, old: str) -> None:
    from app.features.content.models import EditableHTML

    told = command(migrated_app, old)
    assert "The page about loses tags" in told
    with migrated_app.app_context():
        assert EditableHTML.get_editable_html("about").value == "<p>Our story</p>"
    assert "1 pages already here" in command(migrated_app, old)


def test_a_role_of_the_same_name_gives_no_rights_unsaid(migrated_app: Flask, old: str) -> None:
    with migrated_app.app_context():
        db.session.add(Role(name="moderator", permissions=int(Permission.MANAGE_USERS)))
        db.session.execute(text("UPDATE roles SET name = 'Chief' WHERE name = 'Administrator'"))
        db.session.execute(text("UPDATE roles SET name = 'User2' WHERE name = 'User'"))
        db.session.add(Role(name="User", permissions=int(Permission.ADMINISTER)))
        db.session.commit()
    told = command(migrated_app, old)
    assert "The role moderator exists and keeps its permissions: Manage users." in told
    assert "The role User administers this application, and its namesake did not." in told
    with migrated_app.app_context():
        assert not User.by_email("ada@old.example.com").is_admin()
        assert User.by_email("caps@old.example.com").role.name == "moderator"


def test_an_odd_role_is_told_and_taken_over(migrated_app: Flask) -> None:
    """SQLite keeps texts in columns of numbers, and PostgreSQL refuses NUL."""
    told: list[str] = []
    with migrated_app.app_context():
        row = {"id": 7, "name": "Od\0d\tone", "permissions": "many"}
        found = roles.take_over([row], TakeOverReport(told.append))
        assert (found[7].name, found[7].permissions) == ("Odd one", 0)
    assert told == ["The role Odd one has the permissions 'many', which are read as 0."]


def test_another_database_is_refused(migrated_app: Flask, tmp_path: Path) -> None:
    own = str(migrated_app.config["SQLALCHEMY_DATABASE_URI"])
    (tmp_path / "empty.sqlite").touch()
    (tmp_path / "text.sqlite").write_text("no database, but text " * 100)
    for url, reason in {
        own: "This is a database of this application",
        f"sqlite:///{tmp_path}/empty.sqlite": "The table roles lacks id, name, permissions",
        f"sqlite:///{tmp_path}/text.sqlite": "cannot be read",
        f"sqlite:///{tmp_path}/missing.sqlite": "There is no file",
        "mysql://user:hunter2@host/name": "SOURCE_URL must begin with postgresql://",
        "postgresql://user:hunter2@127.0.0.1:1/name": "cannot be read",
    }.items():
        result = migrated_app.test_cli_runner().invoke(args=["import_flask_base", url])
        assert result.exit_code == 1, url
        assert reason in result.output
        assert "hunter2" not in result.output
    assert not (tmp_path / "missing.sqlite").exists()
