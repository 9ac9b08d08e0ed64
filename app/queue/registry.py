"""The tasks that a job may name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
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


TASKS: dict[str, Task] = {}


def task(
    *, timeout: int = 180, keep_result: int = KEEP_RESULT, quiet: bool = False
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register the decorated function under its own name.

    It runs in the worker, in an app context, and may run twice. A `quiet` one is not logged.
    """

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        name = function.__name__
        TASKS[name] = Task(name, function, timeout, keep_result, quiet)
        return function

    return register


def find_task(name: object) -> Task:
    """Return the task called `name`. Raises UnknownTask."""
    try:
        return TASKS[name]  # type: ignore[index]
    except (KeyError, TypeError):
        raise UnknownTask(f"{ascii(name)[:100]} is not a task") from None
