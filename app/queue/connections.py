"""Connections to Redis that give up instead of making someone wait."""

from __future__ import annotations

from typing import Any

from flask import current_app
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

ENQUEUE_TIMEOUT = 1  # seconds that a request may lose to Redis
CONNECT_TIMEOUT = 5  # seconds that a worker waits for a connection


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
    options: dict[str, Any] = {}
    if url.startswith("rediss://"):
        required = current_app.config.get("REDIS_SSL_CERT_REQS", "required")
        options = {"ssl_cert_reqs": required, "ssl_check_hostname": required == "required"}
    return Redis.from_url(
        url,
        socket_connect_timeout=min(timeout, CONNECT_TIMEOUT),
        socket_timeout=timeout,
        # The client's own retries turn a refused connection into three seconds of waiting.
        retry=Retry(NoBackoff(), 0),
        **options,
    )


class EnqueueConnection:
    """What Flask-RQ2 makes its connection with: one that gives up at once."""

    @staticmethod
    def from_url(url: str) -> Redis:
        return _connect(url, ENQUEUE_TIMEOUT)
