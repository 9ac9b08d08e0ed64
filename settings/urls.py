"""Check the URLs in settings. An error says what to write, and never repeats the password."""

import re
import sqlite3
import warnings
from typing import Any
from urllib.parse import SplitResult, urlsplit

import psycopg
from redis import ConnectionPool
from redis.exceptions import RedisError
from sqlalchemy import URL, make_url
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.exc import SAWarning, SQLAlchemyError

from settings import normalise

DEFAULT_PORTS = {"http": 80, "https": 443}
PERCENT = "Write @, /, : and % in a password as %40, %2F, %3A and %25."


def site(url: str) -> str:
    """Return the scheme, host and port of a site, with the host in its ASCII form.

    Raises ValueError, as every function here.
    """
    parts = parsed(url.rstrip("/"))
    wrong = ValueError("must look like https://app.example.com, without a path.")
    plain = url.rstrip("/").lower() == f"{parts.scheme}://{parts.netloc}".lower()
    if parts.scheme not in DEFAULT_PORTS or not plain or "@" in parts.netloc:
        raise wrong
    try:
        host = normalise.host(parts.hostname or "")
    except ValueError:
        raise wrong from None
    port = "" if parts.port in {None, DEFAULT_PORTS[parts.scheme]} else f":{parts.port}"
    return f"{parts.scheme}://" + (f"[{host}]" if ":" in host else host) + port


def redis(url: str) -> str:
    """Check and return the URL of a Redis."""
    if not url.startswith(("redis://", "rediss://", "unix://")):
        raise ValueError("must begin with redis://, rediss:// or unix://.")
    parts = parsed(url)
    number = parts.path.strip("/")
    try:
        if parts.scheme != "unix":
            normalise.host(parts.hostname or "localhost")
        if not parts.scheme or (parts.scheme != "unix" and number and not number.isdecimal()):
            raise ValueError
    except ValueError:
        raise ValueError(f"must look like redis://:password@host:6379/0. {PERCENT}") from None
    try:
        # Nothing connects here. Without None, redis-py would read its version from the disk.
        ConnectionPool.from_url(url, driver_info=None).make_connection()
    except (ValueError, TypeError, RedisError) as error:
        raise ValueError(_wrong_option("Redis", error)) from None
    return url


def database(url: str) -> str:
    """Check the URL of a database and return it for SQLAlchemy, with psycopg 3 as the driver."""
    for prefix in ("postgres://", "postgresql://"):
        if url.startswith(prefix):
            url = "postgresql+psycopg://" + url.removeprefix(prefix)
    if not url.startswith(("postgresql+psycopg://", "sqlite://", "sqlite+pysqlite://")):
        raise ValueError(
            "must begin with postgresql:// or sqlite:///. Name no driver there: the app uses "
            "psycopg 3."
        )
    try:
        # The driver reads the options after the question mark, without a connection.
        with warnings.catch_warnings(action="error", category=SAWarning):
            _read_options(make_url(url))
    except (SQLAlchemyError, ValueError):
        raise ValueError(
            "must look like postgresql://user:password@host:5432/name or "
            f"sqlite:////folder/file.sqlite. {PERCENT}"
        ) from None
    except (SAWarning, psycopg.Error, sqlite3.Error) as error:
        raise ValueError(_wrong_option("the database", error)) from None
    return url


def _read_options(url: URL) -> None:
    if url.get_backend_name() == "sqlite":
        sqlite: Any = SQLiteDialect_pysqlite
        sqlite3.connect(":memory:", **sqlite().create_connect_args(url)[1]).close()
        return
    postgresql: Any = PGDialect_psycopg
    options = postgresql(dbapi=psycopg).create_connect_args(url)[1]
    options.pop("context", None)  # SQLAlchemy adds this option for the driver
    psycopg.conninfo.make_conninfo(**options)


def _wrong_option(service: str, error: Exception) -> str:
    reason = re.split(r"[\n;]", str(error))[0].rpartition("__init__() ")[2].strip(". ")
    return f"has an option after its ? that {service} does not take ({reason}). Remove it."


def parsed(url: str) -> SplitResult:
    """Return the parts of a URL, all of them empty if it is invalid."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # urlsplit checks the port only on access.
    except ValueError:
        return urlsplit("")
    return parts
