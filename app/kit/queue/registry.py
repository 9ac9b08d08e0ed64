"""Register the tasks that a job may name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from inspect import signature
from typing import Any

KEEP_RESULT = 500  # seconds


class UnknownTask(Exception):
    """No task has this name, so the job is not run."""


@dataclass(frozen=True)
class Task:
    """A function that jobs may name, with the options of its jobs. Times are in seconds."""

    name: str
    function: Callable[..., Any]
    timeout: int
    keep_result: int
    quiet: bool
    coalesce: bool
    retries: int
    backoff: tuple[int, ...]
    is_sweep: bool
    cron: str
    """The setting with the cron expression of a recurring task, else ""."""

    @property
    def waits(self) -> list[int]:
        """Return the wait before each retry. The last value of `backoff` repeats."""
        given = self.backoff or (0,)
        return [given[min(number, len(given) - 1)] for number in range(self.retries)]


TASKS: dict[str, Task] = {}


def task(
    *,
    timeout: int = 180,
    keep_result: int = KEEP_RESULT,
    quiet: bool = False,
    coalesce: bool = False,
    retries: int = 3,
    backoff: tuple[int, ...] = (10, 60, 300),
    is_sweep: bool = False,
    cron: str = "",
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register the decorated function under its own name.

    The task runs in the worker, in an app context, and may run twice. After an exception it is
    retried up to `retries` times, after the waits of `backoff`. After a crash of its process it is
    retried at once. Runs of a `quiet` task are not logged. With `coalesce`, enqueueing does nothing
    while an equal job is still queued, so the task takes no arguments and finds its own work.
    `cron` names the setting with the cron expression of a recurring task. A worker runs a task that
    `is_sweep` every few seconds, also without Redis, to find work that no job stands for.
    """

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        name = function.__name__
        if coalesce and signature(function).parameters:
            raise TypeError(f"one job stands for many of {name}, so it can take no arguments")
        TASKS[name] = Task(
            name, function, timeout, keep_result, quiet, coalesce, retries, backoff, is_sweep, cron
        )
        return function

    return register


def sweeps() -> list[Task]:
    """Return the tasks that workers run every few seconds."""
    return [one for one in TASKS.values() if one.is_sweep]


def find_task(name: object) -> Task:
    """Return the task called `name`. Raises UnknownTask."""
    try:
        return TASKS[name]  # type: ignore[index]
    except (KeyError, TypeError):
        raise UnknownTask(f"{ascii(name)[:100]} is not a task") from None
