"""Checks of what the app stands on, shared by the readiness page and `manage.py doctor`."""

import logging
import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import current_app
from redis.exceptions import RedisError
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from app import queue
from app.extensions import db, migrate
from app.models import Role, User
from app.services.users import can_sign_in

LEAST_KEY_ENTROPY = 128  # bits, estimated from the key's own characters

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Check:
    """What was looked at, and if it is not right, what is wrong and what to do."""

    name: str
    problem: str = ""
    hint: str = ""

    @property
    def ok(self) -> bool:
        return not self.problem


def readiness() -> list[Check]:
    """Check what a page needs. Takes a few seconds at most, whatever is down."""
    return [_check_database(), _check_migrations(), _check_redis()]


def checks(*, deploy: bool = False) -> list[Check]:
    """Check everything; with `deploy`, also whether the settings are fit for the public."""
    found = [*readiness(), _check_administrator(), _check_mail()]
    if deploy:
        found += _check_deployment()
    return found


def _check_database() -> Check:
    return _guarded(
        "database",
        lambda: db.session.execute(select(1)),
        "The database does not answer.",
        "Start it, and compare DATABASE_URL with where it listens.",
    )


def _check_migrations() -> Check:
    try:
        context = MigrationContext.configure(db.session.connection())
        config = migrate.get_config()
        wanted = set(ScriptDirectory.from_config(config).get_heads())
        if set(context.get_current_heads()) == wanted:
            return Check("migrations")
    except SQLAlchemyError:
        db.session.rollback()
    return Check(
        "migrations",
        "The tables are not up to date with the code.",
        "Run `python manage.py db upgrade`.",
    )


def _check_redis() -> Check:
    if not current_app.config["REDIS_URL"]:
        return Check("redis")
    return _guarded(
        "redis",
        queue.ping,
        "Redis does not answer.",
        "Start it (`python manage.py run_redis`), and compare REDIS_URL with where it listens.",
    )


def _check_administrator() -> Check:
    problem = "Nobody can administer the app."
    hint = "Set ADMIN_EMAIL and ADMIN_PASSWORD and run `python manage.py setup_prod`."
    try:
        found = db.session.scalar(
            select(User.id).join(User.role).where(Role.administrators(), can_sign_in()).limit(1)
        )
    except SQLAlchemyError:
        db.session.rollback()
        found = None
    return Check("administrator") if found else Check("administrator", problem, hint)


def _check_mail() -> Check:
    if current_app.config["MAIL_TRANSPORT"] == "smtp" and not current_app.config["MAIL_SERVER"]:
        return Check(
            "mail",
            "Mail cannot be sent: no server is named.",
            "Set MAIL_SERVER and the settings beside it.",
        )
    return Check("mail")


def _check_deployment() -> Iterator[Check]:
    """Yield a check a rule, in the manner of Django's `check --deploy`."""
    settings = current_app.config
    database = settings["SQLALCHEMY_DATABASE_URI"]
    redis = urlsplit(settings["REDIS_URL"])
    redis_is_near = redis.scheme == "unix" or redis.hostname in {"localhost", "127.0.0.1", "::1"}
    rules = [
        (
            "secret key",
            _entropy(settings["SECRET_KEY"]) >= LEAST_KEY_ENTROPY,
            "SECRET_KEY is short or can be guessed.",
            "Make one: python -c 'import secrets; print(secrets.token_urlsafe(48))'.",
        ),
        (
            "debug",
            not current_app.debug and settings["PRODUCTION"],
            "The app runs for development, with its debugger.",
            "Set FLASK_CONFIG to production, heroku or unix.",
        ),
        (
            "address",
            settings["APP_URL"].startswith("https://"),
            "APP_URL is not an https address.",
            "Set APP_URL to https:// and the name that people open.",
        ),
        (
            "trusted hosts",
            "*" not in settings["TRUSTED_HOSTS"] and bool(settings["TRUSTED_HOSTS"]),
            "Requests for any host are answered.",
            "Name the hosts in TRUSTED_HOSTS.",
        ),
        (
            "cookies",
            settings["SESSION_COOKIE_SECURE"] and settings["REMEMBER_COOKIE_SECURE"],
            "Cookies travel over plain HTTP.",
            "Remove SSL_DISABLE.",
        ),
        (
            "redis connection",
            redis_is_near or redis.scheme == "rediss" or bool(redis.password),
            "Redis on another machine is spoken to without TLS or a password.",
            "Use a rediss:// address with a password.",
        ),
        (
            "throttling",
            settings["RATELIMIT_ENABLED"],
            "Sign-in attempts are not limited.",
            "Remove RATELIMIT_ENABLED.",
        ),
        (
            "database kind",
            not (database.startswith("sqlite") and settings["EPHEMERAL_DISK"]),
            "The database is a file on a disk that the platform erases.",
            "Set DATABASE_URL to a PostgreSQL database.",
        ),
        (
            "mail transport",
            settings["MAIL_TRANSPORT"] == "smtp",
            "Mail is written to files and never sent.",
            "Set MAIL_SERVER.",
        ),
        (
            "administrator password",
            settings["ADMIN_PASSWORD"] != "password",  # noqa: S105
            "ADMIN_PASSWORD is the one used in development.",
            "Choose another.",
        ),
    ]
    for name, holds, problem, hint in rules:
        yield Check(name) if holds else Check(name, problem, hint)


def _guarded(name: str, probe: Callable[[], object], problem: str, hint: str) -> Check:
    try:
        probe()
    except (SQLAlchemyError, RedisError, OSError) as error:
        db.session.rollback()
        logger.warning("%s check failed: %s", name, error)
        return Check(name, problem, hint)
    return Check(name)


def _entropy(key: str) -> float:
    """Return the bits of a text if its characters were drawn by how often they stand in it."""
    counts = Counter(key).values()
    return -sum(count * math.log2(count / len(key)) for count in counts)
