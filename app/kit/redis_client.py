"""Connect to Redis with the same certificate checks everywhere, and with short timeouts."""

from collections.abc import Mapping
from typing import Any

from redis import ConnectionPool, Redis
from redis.backoff import NoBackoff
from redis.driver_info import DriverInfo
from redis.retry import Retry

CONNECT_TIMEOUT = 5  # seconds; a shorter timeout for answers also applies to connecting
# Otherwise each connection reads redis-py's version from the disk, which takes a millisecond.
DRIVER = DriverInfo()


def options(url: str, settings: Mapping[str, Any], *, timeout: float) -> dict[str, Any]:
    """Return the options for a connection to `url` that waits `timeout` seconds for answers."""
    found: dict[str, Any] = {
        "socket_connect_timeout": min(timeout, CONNECT_TIMEOUT),
        "socket_timeout": timeout,
        # The client's own retries turn a refused connection into three seconds of waiting.
        "retry": Retry(NoBackoff(), 0),
        "driver_info": DRIVER,
    }
    if url.startswith("rediss://"):
        required = settings.get("REDIS_SSL_CERT_REQS", "required")
        found |= {"ssl_cert_reqs": required, "ssl_check_hostname": required == "required"}
    return found


def connect(url: str, settings: Mapping[str, Any], *, timeout: float) -> Redis:
    """Return a client of the Redis at `url`."""
    return Redis.from_url(url, **options(url, settings, timeout=timeout))


def pool(url: str, settings: Mapping[str, Any], *, timeout: float) -> ConnectionPool:
    """Return a pool of connections to the Redis at `url`, for a library with its own client."""
    return ConnectionPool.from_url(url, **options(url, settings, timeout=timeout))
