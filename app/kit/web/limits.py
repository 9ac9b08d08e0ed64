"""Connect the rate limiter to the queue's Redis, and count what a user does."""

from collections.abc import Callable

from flask import Flask
from flask_login import current_user
from limits.storage import RedisStorage

from app.extensions import limiter
from app.kit import redis_client

TIMEOUT = 1  # seconds that a request may wait for Redis


class LimiterAway(Exception):
    """The rate limiter cannot reach Redis, so each web process counts for itself."""


def init_app(app: Flask) -> None:
    url = str(app.config["RATELIMIT_STORAGE_URI"])
    if "redis" in url.partition(":")[0]:
        url = url.replace("redis+unix://", "unix://", 1)
        pool = redis_client.pool(url, app.config, timeout=TIMEOUT)
        app.config.setdefault("RATELIMIT_STORAGE_OPTIONS", {"connection_pool": pool})
    limiter.init_app(app)


def check() -> None:
    """Raise LimiterAway if the limiter counts in Redis and cannot reach it."""
    if (
        limiter.enabled
        and isinstance(limiter.storage, RedisStorage)
        and not limiter.storage.check()
    ):
        raise LimiterAway


def by_user(name: str) -> Callable[[], str]:
    """Return the key function of a limit on what each user does.

    Redis keeps the key. So it has the id of the user, and not get_id(), the token of the session.
    """
    return lambda: f"{name}-{getattr(current_user, 'id', '')}"
