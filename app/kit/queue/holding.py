"""Hold the jobs of workers for a while, such as during maintenance."""

from collections.abc import Callable

Hold = Callable[[], bool]
_holds: list[Hold] = []


def holds_jobs(hold: Hold) -> Hold:
    """Ask the decorated function before a worker starts a job. If it returns True, jobs wait.

    The worker asks every two seconds, and before each job, so the function has to be quick. It must
    leave no connection open, because the worker copies its process.
    """
    _holds.append(hold)
    return hold


def are_held() -> bool:
    return any(hold() for hold in _holds)
