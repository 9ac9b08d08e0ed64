"""Restart a process whenever its code changes, for `runserver` and `run_worker --reload`.

This module imports nothing of the application, which may be broken. A broken process ends, and the
next change of the code starts another one.
"""

import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parent
LOOK_EVERY = 0.5  # seconds

Child = subprocess.Popen[bytes]


def keep_running(
    name: str,
    start: Callable[[], Child],
    end: Callable[[Child], None],
    is_stopping: Callable[[], bool],
) -> None:
    """Replace a process whenever the code changes, until `is_stopping` returns true.

    A process that ends by itself is restarted only after the next change. Files are polled, which
    takes 2 ms, instead of using system events. Polling also detects files that are renamed over
    others, restored with an old time, or shared with a container.
    """
    seen = snapshot()
    child = start()
    has_ended = False
    while not is_stopping():
        time.sleep(LOOK_EVERY)
        now = snapshot()
        if changed := sorted({Path(path).name for path, _ in seen ^ now}):
            print(f"{', '.join(changed[:3])} changed: the {name} ends and starts anew.", flush=True)  # noqa: T201
            end(child)
            seen, child, has_ended = now, start(), False
        elif not has_ended and child.poll() is not None and not is_stopping():
            has_ended = True
            print(f"The {name} has ended. It starts anew once a file changes.", flush=True)  # noqa: T201
    end(child)


def snapshot() -> set[tuple[str, tuple[int, int]]]:
    """Return every file of code and settings, with its time and size. Templates reload alone."""
    paths = [*ROOT.glob("*.py"), *ROOT.glob("*.toml"), ROOT / ".env"]
    for package in ROOT.glob("*/__init__.py"):
        if package.parent.name not in {"tests", "benchmarks"}:
            paths += [*package.parent.rglob("*.py"), *package.parent.rglob("*.toml")]
    found = set()
    for path in paths:
        with suppress(OSError):
            status = path.stat()
            found.add((str(path), (status.st_mtime_ns, status.st_size)))
    return found
