"""Run manage.py with additional tasks to measure: `python -m benchmarks.kit_worker run_worker`."""

import os
import time

from flask import current_app
from redis import Redis

from app.kit import queue

BEGUN, RELEASE = "benchmark:begun", "benchmark:release"


def _redis() -> Redis:
    return Redis.from_url(current_app.config["REDIS_URL"], socket_timeout=None)


def nothing() -> None:
    pass


def tell(at: float) -> None:
    """Report the seconds between `at` and the start of the job."""
    late = time.monotonic() - at
    with _redis() as redis:
        redis.rpush(BEGUN, late)


def hold() -> None:
    """Report the process that runs the job, and wait."""
    with _redis() as redis:
        redis.rpush(BEGUN, os.getpid())
        redis.blpop([RELEASE], timeout=60)


def register() -> None:
    for function in (nothing, tell, hold):
        queue.task(keep_result=0, quiet=True)(function)


if __name__ == "__main__":
    from manage import cli  # The command line creates an app. Other importers have their own.

    register()
    cli()
