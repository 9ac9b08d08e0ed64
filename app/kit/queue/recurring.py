"""Queue the recurring tasks on RQ's cron schedule, once across all workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from croniter import croniter
from flask import current_app
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from rq.cron import CronJob, CronScheduler
from rq.utils import now

from app.kit.queue.enqueueing import enqueue
from app.kit.queue.registry import TASKS, find_task

KEEP_LOCK = 40 * 24 * 60 * 60  # seconds; longer than any worker pauses between two checks


class RecurringTask(CronJob):
    """A recurring task by name. RQ's own class would queue a pickled function."""

    def __init__(self, name: str, cron: str) -> None:
        queue_name = current_app.config["RQ_QUEUES"][0]
        super().__init__(queue_name, func_name=name, cron=cron)
        # A task that was due while no worker ran is queued now.
        self.next_enqueue_time = croniter(cron, now()).get_prev(datetime)

    def enqueue(self, connection: Redis) -> None:  # type: ignore[override]
        """Queue the task unless another worker already has for this time. Raises RedisError."""
        assert self.next_enqueue_time is not None  # noqa: S101 - set above
        due = self.next_enqueue_time.strftime("%Y-%m-%dT%H:%M")
        prefix = current_app.extensions["queue"].prefix
        lock = f"{prefix}:recurring:{self.name}:{due}"
        if connection.set(lock, 1, nx=True, ex=KEEP_LOCK) and not enqueue(
            self.name, unique_key=self.name
        ):
            connection.delete(lock)
            raise RedisConnectionError(
                "Redis was away a moment ago"
            )  # The next worker tries again.


class Recurring(CronScheduler):
    """RQ's scheduler for tasks by name. Its owner calls `enqueue_jobs` regularly."""

    def __init__(self, connection: Redis) -> None:
        super().__init__(connection)
        self._cron_jobs = [RecurringTask(name, cron) for name, cron in schedule()]


def schedule() -> Iterator[tuple[str, str]]:
    """Yield the name and the cron expression, in UTC, of each recurring task."""
    for name, task in TASKS.items():
        if task.cron and (cron := current_app.config[task.cron]):
            yield name, cron


def due_since(moment: datetime) -> list[Callable[..., Any]]:
    """Return the functions of the recurring tasks that became due after `moment`."""
    return [
        find_task(name).function
        for name, cron in schedule()
        if croniter(cron, now()).get_prev(datetime) > moment
    ]
