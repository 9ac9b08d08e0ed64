"""Connect to Redis with short timeouts, so that a request never waits long."""

from __future__ import annotations

from flask import current_app
from redis import Redis

from app.kit import redis_client

ENQUEUE_TIMEOUT = 1  # seconds that a request may wait for Redis


def is_configured() -> bool:
    """Return whether REDIS_URL names a queue."""
    return bool(current_app.config["REDIS_URL"])


def connection(*, timeout: float = ENQUEUE_TIMEOUT) -> Redis:
    """Return a new connection to REDIS_URL that waits at most `timeout` seconds for each answer."""
    return connect(current_app.config["REDIS_URL"], timeout)


def ping() -> None:
    """Raise RedisError unless Redis answers within ENQUEUE_TIMEOUT."""
    with connection() as redis:
        redis.ping()


def try_to_write() -> None:
    """Write a key that expires. Raises RedisError, also if Redis is full or a replica."""
    with connection() as redis:
        redis.set(f"{current_app.config['QUEUE_PREFIX']}:written", 1, ex=60)


def connect(url: str, timeout: float) -> Redis:
    """Return a new connection to `url` that waits at most `timeout` seconds for each answer."""
    return redis_client.connect(url, current_app.config, timeout=timeout)
