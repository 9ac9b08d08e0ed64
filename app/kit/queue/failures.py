"""Count the jobs that failed for good."""

from datetime import datetime
from typing import Any

from flask import current_app

from app.kit.queue.connections import connection
from app.kit.queue.enqueueing import KEEP_FAILURE


def failed_since(moment: datetime) -> int:
    """Return how many jobs have failed since `moment`, without those run again or deleted.

    RQ keeps a failed job with the time of its expiry as its score. Raises RedisError.
    """
    least = moment.timestamp() + KEEP_FAILURE
    with connection() as redis, redis.pipeline(transaction=False) as pipeline:
        for name in current_app.config["RQ_QUEUES"]:
            pipeline.zcount(f"rq:failed:{name}", least, "+inf")
        counts: list[Any] = pipeline.execute()
    return sum(counts)
