"""Check that the database answers, that it is migrated, and that an administrator exists."""

from __future__ import annotations

import re
from pathlib import Path

from flask import current_app
from sqlalchemy import select, text
from sqlalchemy.exc import SQLAlchemyError

from app.extensions import db
from app.features.health.services.check import Check
from app.kit.database import migrations
from app.kit.database.ahead import is_ahead
from app.models import Role, User
from app.services.policy import can_sign_in
from config import DEVELOPMENT_ADMIN_PASSWORD

# Error messages of a database that answers but refuses, each with a hint for its URL setting.
REFUSALS = {
    re.compile(
        r'database "[^"]*" does not exist'
    ): "Create it with createdb, or correct the name in {setting}.",
    re.compile(r"starting up|shutting down|in recovery"): "Wait until it is up.",
    re.compile(r"too many|connection slots"): "Raise its max_connections, or run fewer processes.",
    re.compile(
        r"SSL|ssl|certificate"
    ): "Correct sslmode in {setting}: disable, prefer, require, verify-ca or verify-full.",
    re.compile(
        r"password|role|authentication|pg_hba"
    ): "Correct the user and the password in {setting}.",
    re.compile(
        r"unable to open database file"
    ): "Make the folder of the file in {setting}, and let this user write there.",
    re.compile(r"file is not a database|FATAL:|is bad: invalid|bad value"): "Correct {setting}.",
}
BEFORE_THE_REASON = re.compile(r"failed: |bad: |FATAL: +")


def away(name: str) -> Check:
    setting = current_app.config["DATABASE_SETTING"]
    return Check(
        name,
        problem="The database does not answer.",
        hint=f"Start it, and compare {setting} with where it listens.",
    )


def refusal(name: str, error: SQLAlchemyError) -> Check:
    """Return the failed check for `error`: the database is away, or it refused with a reason."""
    reason = str(getattr(error, "orig", error)).partition("\n")[0]
    hint = next((hint for said, hint in REFUSALS.items() if said.search(reason)), None)
    if hint is None:
        return away(name)
    setting = current_app.config["DATABASE_SETTING"]
    said = BEFORE_THE_REASON.split(reason)[-1]
    return Check(
        name,
        problem=f"The database cannot be used: {said}.",
        hint=hint.format(setting=setting),
    )


def answers() -> Check:
    db.session.execute(select(1))
    return Check("database", "Answers")


def stores_every_character() -> Check:
    """Check the encoding of PostgreSQL, which refuses most characters with SQL_ASCII or LATIN1."""
    if db.engine.dialect.name != "postgresql":
        return Check("encoding", "UTF8")
    encoding = db.session.scalar(text("SHOW server_encoding"))
    if encoding == "UTF8":
        return Check("encoding", "UTF8")
    return Check(
        "encoding",
        problem=f"The database stores text as {encoding}.",
        hint="Make another one with `createdb -E UTF8 -T template0`, and copy the rows there.",
    )


def is_migrated() -> Check:
    """Compare the migrations. After a newer release has migrated, this code goes on serving."""
    folder = Path(current_app.root_path).parent / "migrations"
    connection = db.session.connection()
    found = migrations.problem(connection, folder)
    if found and is_ahead(found, connection):
        return Check("migrations", "Newer than the code", note="ahead")
    if found:
        return Check("migrations", problem=found.problem, hint=found.hint)
    return Check("migrations", "Up to date")


def has_administrator() -> Check:
    query = select(User.id).join(User.role).where(Role.administrators(), can_sign_in()).limit(1)
    if db.session.scalar(query):
        return Check("administrator", "There is one")
    return Check(
        "administrator",
        problem="Nobody can administer the app.",
        hint="Set ADMIN_EMAIL and ADMIN_PASSWORD and run `python manage.py setup_prod`.",
    )


def has_no_known_password() -> Check:
    """Check that the administrator does not have the public password of development."""
    user = User.by_email(current_app.config["ADMIN_EMAIL"])
    if user is None or not user.verify_password(DEVELOPMENT_ADMIN_PASSWORD):
        return Check("known password", "Nobody has it")
    return Check(
        "known password",
        problem="The administrator has the password used in development.",
        hint=f"Sign in as {user.email} and choose another.",
    )
