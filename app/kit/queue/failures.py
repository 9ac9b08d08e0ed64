"""Count the jobs that failed for good, and name their tasks."""

from datetime import datetime
from typing import Any, NamedTuple

from flask import current_app

from app.kit.queue.connections import connection
from app.kit.queue.enqueueing import KEEP_FAILURE
from app.kit.queue.registry import TASKS

LATEST = 100


class Failures(NamedTuple):
    """The number of jobs, and the names of the tasks of the latest hundred."""

    number: int
    tasks: list[str]


def failed_since(moment: datetime) -> Failures:
    """Return the jobs that have failed since `moment`, without those run again or deleted.

    RQ keeps a failed job with the time of its expiry as its score. An id begins with the name of
    the task. Raises RedisError.
    """
    least = moment.timestamp() + KEEP_FAILURE
    with connection() as redis, redis.pipeline(transaction=False) as pipeline:
        for name in current_app.config["RQ_QUEUES"]:
            key = f"rq:failed:{name}"
            pipeline.zcount(key, least, "+inf")
            pipeline.zrevrangebyscore(key, "+inf", least, start=0, num=LATEST)
        answers: list[Any] = pipeline.execute()
    ids = [one.decode(errors="replace") for found in answers[1::2] for one in found]
    return Failures(
        sum(answers[::2]), sorted({one.partition("-")[0] for one in ids} & TASKS.keys())
    )
