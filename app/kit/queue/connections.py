"""Connections to Redis that give up instead of making someone wait."""

from __future__ import annotations

from flask import current_app
from redis import Redis

from app.kit import redis_client

ENQUEUE_TIMEOUT = 1  # seconds that a request may lose to Redis


def is_configured() -> bool:
    """Tell whether there is a queue at all."""
    return bool(current_app.config["REDIS_URL"])


def connection(*, timeout: float = ENQUEUE_TIMEOUT) -> Redis:
    """Return a new connection to REDIS_URL that waits at most `timeout` seconds for each answer."""
    return _connect(current_app.config["REDIS_URL"], timeout)


def ping() -> None:
    """Raise RedisError unless Redis answers within ENQUEUE_TIMEOUT."""
    with connection() as redis:
        redis.ping()


def _connect(url: str, timeout: float) -> Redis:
    return redis_client.connect(url, current_app.config, timeout=timeout)


class EnqueueConnection:
    """What Flask-RQ2 makes its connection with: one that gives up at once."""

    @staticmethod
    def from_url(url: str) -> Redis:
        return _connect(url, ENQUEUE_TIMEOUT)
