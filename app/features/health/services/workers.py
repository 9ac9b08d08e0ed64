"""Check Redis, the workers that are registered with it, and their jobs."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import current_app
from redis.exceptions import AuthenticationError, RedisError, ResponseError

from app.features.health.services import probing
from app.features.health.services.check import Check, time_since
from app.kit import queue, redis_server
from app.kit.database import now
from app.kit.web import limits

LOST_AFTER = timedelta(seconds=60)
FAILURES_COUNT_FOR = timedelta(days=1)
NAMED = 3  # tasks in a sentence

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Signs:
    """The latest heartbeat of the workers, and the jobs that failed lately."""

    heard: datetime | None
    failed: queue.Failures


def begin_signs() -> probing.Probe[Signs] | None:
    """Start to read the signs of the workers, which needs Redis. None without a queue."""
    if not queue.is_configured():
        return None
    return probing.begin("workers", _signs)


def begin_ping() -> probing.Probe[None] | None:
    """Start to ping Redis as the queue and the rate limiter do. None without a queue."""
    return probing.begin("redis", _ping) if queue.is_configured() else None


def _signs() -> Signs:
    heard = queue.latest_heartbeat()
    limits.check()
    queue.try_to_write()
    return Signs(heard, queue.failed_since(now() - FAILURES_COUNT_FOR))


def _ping() -> None:
    queue.ping()
    limits.check()


def redis_answers(probe: probing.Probe[Any] | None, patience: float) -> Check:
    if probe is None:
        return Check("redis", "Not used")
    try:
        probe.answer(patience)
    except (RedisError, OSError, probing.TookTooLong, limits.LimiterAway) as error:
        problem, hint = _trouble(error, patience)
        return Check("redis", problem=problem, hint=hint)
    return Check("redis", "Answers")


def _trouble(error: Exception, patience: float) -> tuple[str, str]:
    """Return what is wrong with Redis, and what to do."""
    if isinstance(error, AuthenticationError):
        return (
            "Redis does not accept the password.",
            "Compare the password in REDIS_URL with that of Redis.",
        )
    if isinstance(error, limits.LimiterAway):
        return (
            "Redis answers the queue, and not the rate limiter.",
            "Compare RATELIMIT_STORAGE_URI with REDIS_URL. Until then each web process counts "
            "requests for itself.",
        )
    if isinstance(error, ResponseError):  # A full Redis refuses writes, as a replica does.
        return (
            f"Redis answers, and refuses to write: {error}",
            "Give it more memory or disk, or look for what fills it (`redis-cli --bigkeys`). Until "
            "then mail and jobs wait.",
        )
    logger.warning("redis check failed: %s", error or f"no answer in {patience} s")
    if current_app.debug and not redis_server.is_installed():
        return (
            "No Redis is installed. The worker sends mail from the database.",
            "Jobs wait until there is one: install redis-server or valkey-server.",
        )
    return (
        "Redis does not answer.",
        "Start it (`python manage.py run_redis` in development), and compare REDIS_URL "
        "with where it listens. Until then mail waits.",
    )


def judge(probe: probing.Probe[Signs] | None, patience: float) -> tuple[Check, Check, Check]:
    """Return the checks of Redis, of the worker, and of its jobs."""
    redis = redis_answers(probe, patience)
    if probe is None:
        unwatched = "Not watched without Redis"
        return redis, Check("worker", unwatched), Check("tasks", unwatched)
    if not redis.ok:
        return redis, Check("worker", waits_for="redis"), Check("tasks", waits_for="redis")
    signs = probe.answer(patience)
    return redis, _worker(signs.heard), _tasks(signs.failed)


def _worker(heard: datetime | None) -> Check:
    if heard is not None and now() - heard < LOST_AFTER:
        return Check("worker", "Running")
    silent = "No worker runs" if heard is None else f"The worker fell silent {time_since(heard)}"
    return Check(
        "worker",
        problem=f"{silent}, so mail and jobs wait.",
        hint="Start one: `python manage.py run_worker`, or the platform's worker process.",
    )


def _tasks(failed: queue.Failures) -> Check:
    number, tasks = failed
    if not number:
        return Check("tasks", "None failed")
    names = ", ".join([*tasks[:NAMED], *(["others"] if len(tasks) > NAMED else [])])
    return Check(
        "tasks",
        problem=f"{number:,} {'task' if number == 1 else 'tasks'} failed in the last day"
        f"{f': {names}' if names else ''}.",
        hint="The log of the worker says why: look for ERROR and the name of the task.",
    )
