"""The tasks that a job may name."""

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
    """A function that jobs may name, and how its jobs are kept. Times are in seconds."""

    name: str
    function: Callable[..., Any]
    timeout: int
    keep_result: int
    quiet: bool
    coalesce: bool
    retries: int
    backoff: tuple[int, ...]
    cron: str
    """The setting that says when the task recurs, "" for a task that does not."""

    @property
    def waits(self) -> list[int]:
        """Return how long to wait before each retry; the last of `backoff` stands for the rest."""
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
    cron: str = "",
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register the decorated function under its own name.

    It runs in the worker, in an app context, and may run twice. After an exception it is tried
    `retries` times more, with the waits of `backoff`; when its process dies, at once. A `quiet`
    one is not logged. Of one that is to `coalesce` no job is queued while another has yet to
    begin: it takes no arguments and looks for what there is to do. `cron` names the setting that
    says when a recurring task is due.
    """

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        name = function.__name__
        if coalesce and signature(function).parameters:
            raise TypeError(f"one job stands for many of {name}, so it can take no arguments")
        TASKS[name] = Task(
            name, function, timeout, keep_result, quiet, coalesce, retries, backoff, cron
        )
        return function

    return register


def find_task(name: object) -> Task:
    """Return the task called `name`. Raises UnknownTask."""
    try:
        return TASKS[name]  # type: ignore[index]
    except (KeyError, TypeError):
        raise UnknownTask(f"{ascii(name)[:100]} is not a task") from None
