"""How every part of the app connects to Redis: with the same certificates, and without waiting."""

from collections.abc import Mapping
from typing import Any

from redis import ConnectionPool, Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

CONNECT_TIMEOUT = 5  # seconds; who waits less for an answer waits less for a connection too


def options(url: str, settings: Mapping[str, Any], *, timeout: float) -> dict[str, Any]:
    """Return what a connection to `url` is made with, which waits `timeout` seconds for answers."""
    found: dict[str, Any] = {
        "socket_connect_timeout": min(timeout, CONNECT_TIMEOUT),
        "socket_timeout": timeout,
        # The client's own retries turn a refused connection into three seconds of waiting.
        "retry": Retry(NoBackoff(), 0),
    }
    if url.startswith("rediss://"):
        required = settings.get("REDIS_SSL_CERT_REQS", "required")
        found |= {"ssl_cert_reqs": required, "ssl_check_hostname": required == "required"}
    return found


def connect(url: str, settings: Mapping[str, Any], *, timeout: float) -> Redis:
    """Return a client of the Redis at `url`."""
    return Redis.from_url(url, **options(url, settings, timeout=timeout))


def pool(url: str, settings: Mapping[str, Any], *, timeout: float) -> ConnectionPool:
    """Return connections to the Redis at `url` for a library that makes its own client."""
    return ConnectionPool.from_url(url, **options(url, settings, timeout=timeout))
