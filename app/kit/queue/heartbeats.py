"""Read the latest heartbeat of the workers from RQ's own registry."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from flask import current_app
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError
from rq.worker_registration import WORKERS_BY_QUEUE_KEY

from app.kit.queue.connections import connection
from app.kit.queue.enqueueing import PAUSE_AFTER_FAILURE

LOOKED_AT = 200  # the most workers to read per queue, in case the registry was flooded
FUTURE = timedelta(hours=1)  # a heartbeat further in the future is ignored


def latest_heartbeat() -> datetime | None:
    """Return the time of the latest heartbeat of this app's workers, or None if there is none.

    A worker that runs a job in its own process sends no heartbeats. So a busy worker counts as
    alive now, until its entry in Redis expires. Values in Redis are read as text, and invalid ones
    are skipped. Raises RedisError. For PAUSE_AFTER_FAILURE seconds after a failure, it raises at
    once, without a query.
    """
    state = current_app.extensions["queue"]
    if time.monotonic() < state.failed_at + PAUSE_AFTER_FAILURE:
        raise RedisConnectionError("Redis was away a moment ago")
    try:
        found = _registered()
    except RedisError:
        state.failed_at = time.monotonic()
        raise
    now = datetime.now(UTC)
    beats = [beat for fields in found if (beat := _heard(fields, now)) is not None]
    return max(beats, default=None)


def _registered() -> list[list[bytes | None]]:
    """Return the state, death and last heartbeat of each worker that RQ has registered."""
    with connection() as redis, redis.pipeline(transaction=False) as pipeline:
        for name in current_app.config["RQ_QUEUES"]:
            pipeline.srandmember(WORKERS_BY_QUEUE_KEY % name, LOOKED_AT)
        members = pipeline.execute(raise_on_error=False)
        keys = {key for keys in members if not _is_refusal(keys) for key in keys}
        for key in keys:
            pipeline.hmget(key, "state", "death", "last_heartbeat")
        answers = pipeline.execute(raise_on_error=False)
    return [answer for answer in answers if not _is_refusal(answer)]


def _is_refusal(answer: object) -> bool:
    """Return whether the key has another type than RQ's, and raise any other error."""
    if isinstance(answer, ResponseError) and str(answer).startswith("WRONGTYPE"):
        return True
    if isinstance(answer, Exception):
        raise answer
    return False


def _heard(fields: list[bytes | None], now: datetime) -> datetime | None:
    state, death, beat = fields
    if death is not None or beat is None:
        return None
    with suppress(ValueError, OverflowError):
        heard = datetime.fromisoformat(beat.decode("ascii")).astimezone(UTC)
        if heard <= now + FUTURE:
            return now if state == b"busy" else min(heard, now)
    return None
