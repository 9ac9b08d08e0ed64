"""Check Redis, and the workers that are registered with it."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

from flask import current_app
from redis.exceptions import AuthenticationError, RedisError

from app.features.health.services import probing
from app.features.health.services.check import Check, time_since
from app.kit import queue, redis_server
from app.kit.database import now
from app.kit.web import limits

LOST_AFTER = timedelta(seconds=60)

logger = logging.getLogger(__name__)


def begin_heartbeat() -> probing.Probe[datetime | None] | None:
    """Start to read the latest heartbeat, which needs Redis. None without a queue."""
    if not queue.is_configured():
        return None
    return probing.begin("workers", _heartbeat)


def begin_ping() -> probing.Probe[None] | None:
    """Start to ping Redis as the queue and the rate limiter do. None without a queue."""
    return probing.begin("redis", _ping) if queue.is_configured() else None


def _heartbeat() -> datetime | None:
    heard = queue.latest_heartbeat()
    limits.check()
    return heard


def _ping() -> None:
    queue.ping()
    limits.check()


def redis_answers(probe: probing.Probe[Any] | None, patience: float) -> Check:
    if probe is None:
        return Check("redis", "Not used")
    try:
        probe.answer(patience)
    except AuthenticationError:
        return Check(
            "redis",
            problem="Redis does not accept the password.",
            hint="Compare the password in REDIS_URL with that of Redis.",
        )
    except limits.LimiterAway:
        return Check(
            "redis",
            problem="Redis answers the queue, and not the rate limiter.",
            hint="Compare RATELIMIT_STORAGE_URI with REDIS_URL. Until then each web process counts "
            "requests for itself.",
        )
    except (RedisError, OSError, probing.TookTooLong) as error:
        logger.warning("redis check failed: %s", error or f"no answer in {patience} s")
        if current_app.debug and not redis_server.is_installed():
            return Check(
                "redis",
                problem="No Redis is installed. The worker sends mail from the database.",
                hint="Jobs wait until there is one: install redis-server or valkey-server.",
            )
        return Check(
            "redis",
            problem="Redis does not answer.",
            hint="Start it (`python manage.py run_redis` in development), and compare REDIS_URL "
            "with where it listens. Until then mail waits.",
        )
    return Check("redis", "Answers")


def judge(probe: probing.Probe[datetime | None] | None, patience: float) -> tuple[Check, Check]:
    """Return the checks of Redis and of the worker."""
    redis = redis_answers(probe, patience)
    if probe is None:
        return redis, Check("worker", "Not watched without Redis")
    if not redis.ok:
        return redis, Check("worker", waits_for="redis")
    heard = probe.answer(patience)
    if heard is not None and now() - heard < LOST_AFTER:
        return redis, Check("worker", "Running")
    silent = "No worker runs" if heard is None else f"The worker fell silent {time_since(heard)}"
    return redis, Check(
        "worker",
        problem=f"{silent}, so mail and jobs wait.",
        hint="Start one: `python manage.py run_worker`, or the platform's worker process.",
    )
