"""Rules for settings that are safe in production, like Django's `check --deploy`."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from app.kit import storage
from config import (
    DEVELOPMENT_ADMIN_PASSWORD,
    KEY_COMMAND,
    SHORTEST_SECRET_KEY,
    can_be_guessed,
)

LOCAL = {"localhost", "127.0.0.1", "::1"}

Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Rule:
    """A rule for the settings, with the problem and the hint to show if it is broken."""

    name: str
    holds: Callable[[Settings], bool]
    problem: str
    hint: str


def broken_rules(settings: Settings) -> Iterable[Rule]:
    """Return the rules that the settings break."""
    return (rule for rule in RULES if not rule.holds(settings))


def _key_cannot_be_guessed(settings: Settings) -> bool:
    keys = [settings["SECRET_KEY"] or "", *settings["SECRET_KEY_FALLBACKS"]]
    return all(len(key) >= SHORTEST_SECRET_KEY and not can_be_guessed(key) for key in keys)


def _hosts_are_named(settings: Settings) -> bool:
    hosts = settings["TRUSTED_HOSTS"] or []
    return bool(hosts) and all(hosts) and not {"*", "."} & set(hosts)


def _redis_is_private(settings: Settings) -> bool:
    redis = urlsplit(settings["REDIS_URL"])
    host = redis.hostname or ""
    if redis.scheme in {"", "unix"} or host in LOCAL:
        return True
    return bool(redis.password) and (redis.scheme == "rediss" or _is_inside(host))


def _is_inside(host: str) -> bool:
    """Tell whether a host is in a private network, as the services of Docker Compose are."""
    try:
        return ip_address(host).is_private
    except ValueError:
        return "." not in host


def _mail_is_sent_in_private(settings: Settings) -> bool:
    encrypted = settings["MAIL_USE_TLS"] or settings["MAIL_USE_SSL"]
    host = settings["MAIL_SERVER"]
    return bool(not host or encrypted or host in LOCAL or _is_inside(host))


RULES = (
    Rule(
        "secret key",
        _key_cannot_be_guessed,
        "SECRET_KEY, or one of SECRET_KEY_FALLBACKS, is short or can be guessed.",
        f"Make one: `{KEY_COMMAND}`.",
    ),
    Rule(
        "debug",
        lambda settings: settings["PRODUCTION"] and not settings["DEBUG"],
        "The app runs for development, with its debugger and the pages under /dev.",
        "Set FLASK_CONFIG to production, heroku or unix, and leave FLASK_DEBUG out.",
    ),
    Rule(
        "address",
        lambda settings: settings["APP_URL"].startswith("https://"),
        "APP_URL does not begin with https://.",
        "Set APP_URL to the public URL of the site, with https://.",
    ),
    Rule(
        "trusted hosts",
        _hosts_are_named,
        "Requests for any host are answered.",
        "Set APP_URL, and name further hosts in TRUSTED_HOSTS.",
    ),
    Rule(
        "cookies",
        lambda settings: settings["SESSION_COOKIE_SECURE"] and settings["REMEMBER_COOKIE_SECURE"],
        "Cookies travel over plain HTTP.",
        "Remove SSL_DISABLE.",
    ),
    Rule(
        "redis connection",
        _redis_is_private,
        "Redis on another machine is spoken to without a password or without TLS.",
        "Set REDIS_URL to a rediss:// address with a password.",
    ),
    Rule(
        "throttling",
        lambda settings: settings["RATELIMIT_ENABLED"],
        "Sign-in attempts are not limited.",
        "Remove RATELIMIT_ENABLED.",
    ),
    Rule(
        "database kind",
        lambda settings: (
            not (
                settings["EPHEMERAL_DISK"]
                and settings["SQLALCHEMY_DATABASE_URI"].startswith("sqlite")
            )
        ),
        "The database is a file on a disk that the platform erases.",
        "Set DATABASE_URL to a PostgreSQL database.",
    ),
    Rule(
        "place of files",
        lambda settings: (
            not (settings["EPHEMERAL_DISK"] and storage.kinds() and not settings["S3_BUCKET"])
        ),
        "Uploaded files are kept on a disk that the platform erases.",
        "Set S3_BUCKET and the settings beside it (docs/files.md).",
    ),
    Rule(
        "mail transport",
        lambda settings: settings["MAIL_TRANSPORT"] == "smtp",
        "Mail is kept on this machine and never sent.",
        "Set MAIL_SERVER.",
    ),
    Rule(
        "mail connection",
        _mail_is_sent_in_private,
        "Mail, with the links in it, travels to the mail server unencrypted.",
        "Set MAIL_USE_TLS (port 587) or MAIL_USE_SSL (port 465) to True.",
    ),
    Rule(
        "administrator password",
        lambda settings: settings["ADMIN_PASSWORD"] != DEVELOPMENT_ADMIN_PASSWORD,
        "ADMIN_PASSWORD is the one used in development.",
        "Choose another.",
    ),
)
