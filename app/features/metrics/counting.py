"""Count in this process, and add the counts to those of all processes, which Redis keeps.

Each web process, worker and machine adds to the same counts. So Prometheus gets the same answer
from each process, also on a platform that does not say which one answers.
"""

from __future__ import annotations

import atexit
import json
import logging
import threading
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from redis.exceptions import RedisError

from app.kit import redis_client
from app.kit.web.logs.request_log import Sparing

FLUSH_AFTER = 5.0  # seconds that counts may wait in a process
TIMEOUT = 1.0  # seconds to wait for Redis

Series = tuple[str, ...]
"""The name of a metric, and the values of its labels."""

sparing = Sparing(logging.getLogger(__name__))


class Counts:
    """The counts of one application.

    They are lost if the process is killed, FLUSH_AFTER seconds of them at most. Without Redis they
    cover this process alone. Every method may be called by several threads.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._url = settings["REDIS_URL"]
        self._settings = settings
        self._key = f"{settings['QUEUE_PREFIX']}-metrics"
        self._lock = threading.Lock()
        self._unsent: dict[Series, float] = defaultdict(float)
        self._timer: threading.Timer | None = None
        if self._url:
            atexit.register(self.flush)

    def add(self, amounts: Mapping[Series, float]) -> None:
        """Add to counts. They reach Redis within FLUSH_AFTER seconds, if it answers."""
        with self._lock:
            for series, amount in amounts.items():
                self._unsent[series] += amount
            if self._url and self._timer is None:
                self._timer = threading.Timer(FLUSH_AFTER, self.flush)
                self._timer.daemon = True
                self._timer.start()

    def flush(self) -> None:
        """Send the counts to Redis. If it is away, they wait for the next call of `add`."""
        with self._lock:
            if self._timer:
                self._timer.cancel()
            self._timer = None
            if not self._url or not self._unsent:
                return
            sent, self._unsent = self._unsent, defaultdict(float)
        try:
            with self._redis() as redis, redis.pipeline() as pipeline:
                for series, amount in sent.items():
                    pipeline.hincrbyfloat(self._key, json.dumps(series), amount)
                pipeline.execute()
        except RedisError as error:
            sparing.error("redis", "Redis takes no counts: %s", error)
            with self._lock:
                for series, amount in sent.items():
                    self._unsent[series] += amount

    def read(self) -> dict[Series, float]:
        """Return the counts of all processes. Raises RedisError."""
        self.flush()
        if not self._url:
            with self._lock:
                return dict(self._unsent)
        with self._redis() as redis:
            kept: Any = redis.hgetall(self._key)
        return {
            series: amount
            for field, value in kept.items()
            if (series := _series(field)) and (amount := _amount(value)) is not None
        }

    def _redis(self) -> Any:
        return redis_client.connect(self._url, self._settings, timeout=TIMEOUT)


def _series(field: bytes) -> Series | None:
    """Read a field of the hash. Whatever else wrote to Redis is skipped."""
    try:
        parts = json.loads(field)
    except (ValueError, RecursionError):
        return None
    is_series = isinstance(parts, list) and parts and all(isinstance(part, str) for part in parts)
    return tuple(parts) if is_series else None


def _amount(value: bytes) -> float | None:
    try:
        return float(value)
    except ValueError:
        return None
