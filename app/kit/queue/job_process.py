"""Run a worker's jobs in a separate process, so that a crash of a job does not end the worker.

RQ calls this process the work-horse and forks one for each job. This one is reused. The worker
writes the id of a job into a pipe, and reads from another pipe that the job has ended. A closed
pipe means that the horse has died. It is replaced after JOBS jobs, or when it has grown by GROWTH.
"""

from __future__ import annotations

import ctypes
import logging
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum

logger = logging.getLogger(__name__)

JOBS = 500
GROWTH = 128 * 1024 * 1024  # bytes above its memory at the start
IDLE = 10  # seconds without a job before `on_idle` closes kept connections
LOOK_FOR_PARENT = 1  # seconds between checks, if the kernel cannot signal the parent's death
PR_SET_PDEATHSIG = 1  # linux/prctl.h

SIGNALS = (signal.SIGINT, signal.SIGTERM)
DONE, LAST = b"d", b"l"


class Reply(Enum):
    """The reply of the horse to the worker."""

    NOTHING_YET = 0
    DONE = 1
    LAST = 2  # done, and a new horse must run the next job
    DIED = 3


@dataclass
class Horse:
    """The horse as the worker sees it: its process id and the pipes."""

    pid: int
    _orders: int
    _replies: int

    def give(self, order: str) -> None:
        """Send a job to the horse. Raises OSError if the horse is dead."""
        os.write(self._orders, f"{order}\n".encode())

    def wait(self, seconds: float) -> Reply:
        """Wait up to `seconds` for a reply, and return it."""
        if not select.select([self._replies], [], [], max(0, seconds))[0]:
            # A process that a task started may keep the pipe open after the horse's death.
            return Reply.DIED if self._has_ended() else Reply.NOTHING_YET
        said = os.read(self._replies, 1)
        return {DONE: Reply.DONE, LAST: Reply.LAST}.get(said, Reply.DIED)

    def kill(self) -> None:
        """Kill the horse and its child processes."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    def dismiss(self, patience: float) -> int | None:
        """Let the horse end within `patience` seconds, else kill it, and return its wait status."""
        os.close(self._orders)
        until = time.monotonic() + patience
        while not self._has_ended() and time.monotonic() < until:
            time.sleep(0.005)
        if self._status is None:
            self.kill()
            with suppress(ChildProcessError):
                self._status = os.waitpid(self.pid, 0)[1]
        os.close(self._replies)
        return self._status

    _status: int | None = None

    def _has_ended(self) -> bool:
        if self._status is None:
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:
                pid, status = self.pid, 0
            if pid:
                self._status = status
        return self._status is not None


def fork(run: Callable[[int, int], None]) -> Horse:
    """Fork a horse, which calls `run` with its ends of the pipes."""
    orders_out, orders_in = os.pipe()
    replies_out, replies_in = os.pipe()
    parent = os.getpid()
    # Python would ignore an exception that a signal handler raises during the fork.
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        pid = os.fork()
    except OSError:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        raise
    if pid == 0:
        code = 1
        try:
            os.close(orders_in)
            os.close(replies_out)
            become(parent)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
            run(orders_out, replies_in)
            code = 0
        except SystemExit:
            pass
        except BaseException:
            logger.exception("the process of the jobs ends")
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    started = _of(pid, orders_in, replies_out, orders_out, replies_in)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    return started


def spawn(command: list[str]) -> Horse:
    """Start a horse as a new process, for systems on which a fork is not safe.

    Its ends of the pipes and the id of this process are appended to `command`.
    """
    orders_out, orders_in = os.pipe()
    replies_out, replies_in = os.pipe()
    ends = (orders_out, replies_in)
    arguments = [*command, *map(str, ends), str(os.getpid())]
    child = subprocess.Popen(arguments, pass_fds=ends, process_group=0)  # noqa: S603
    child.returncode = 0  # Horse waits for the process by its id.
    return _of(child.pid, orders_in, replies_out, *ends)


def _of(pid: int, orders: int, replies: int, *of_the_horse: int) -> Horse:
    for descriptor in of_the_horse:
        os.close(descriptor)
    with suppress(OSError):  # The horse does the same. Either call prevents killing a wrong group.
        os.setpgid(pid, pid)
    return Horse(pid, orders, replies)


def become(parent: int) -> None:
    """Make this process ignore signals meant for the worker, and end when the worker dies."""
    with suppress(OSError):
        os.setpgid(0, 0)
    for number in SIGNALS:
        # Heroku signals every process. Child programs inherit SIG_IGN, but not a handler.
        signal.signal(number, lambda _number, _frame: None)
    die_with(parent)


def die_with(parent: int, number: int = signal.SIGKILL) -> None:
    """Signal this process when its parent dies, so that no job continues beside its rerun."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, number, 0, 0, 0)
    else:
        threading.Thread(target=_watch, args=(parent, number), daemon=True).start()
    if os.getppid() != parent:
        os.kill(os.getpid(), number)


def _watch(parent: int, number: int) -> None:
    while os.getppid() == parent:
        time.sleep(LOOK_FOR_PARENT)
    os.kill(os.getpid(), number)


def serve(
    orders: int, replies: int, run: Callable[[str], None], on_idle: Callable[[], None]
) -> None:
    """Run the ordered jobs until the pipe is closed, and call `on_idle` in a pause."""
    most = memory() + GROWTH
    done = 0
    waiting = b""
    while True:
        if not select.select([orders], [], [], IDLE)[0]:
            on_idle()
            select.select([orders], [], [])
        read = os.read(orders, 4096)
        if not read:
            on_idle()
            return
        *lines, waiting = (waiting + read).split(b"\n")
        for line in lines:
            run(line.decode())
            done += 1
            is_last = done >= JOBS or memory() > most
            if is_last:
                on_idle()
            os.write(replies, LAST if is_last else DONE)


def memory() -> int:
    """Return the resident memory of this process in bytes, or 0 if it is unknown."""
    try:
        with open("/proc/self/statm", "rb", buffering=0) as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return 0
