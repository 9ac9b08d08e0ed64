"""The process that runs a worker's jobs one after the other, so that none takes the worker along.

RQ calls it the work-horse and forks one a job. This one is kept: the worker writes the number of
a job into a pipe and reads from another that the job has ended, or finds the pipe closed because
the horse has died. It is replaced after JOBS jobs, or once it has grown by GROWTH.
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
GROWTH = 128 * 1024 * 1024  # bytes above what it had at the start
IDLE = 10  # seconds without a job after which what is kept open is closed
LOOK_FOR_PARENT = 1  # seconds, where the kernel does not tell that the parent has died
PR_SET_PDEATHSIG = 1  # linux/prctl.h

SIGNALS = (signal.SIGINT, signal.SIGTERM)
DONE, LAST = b"d", b"l"


class Reply(Enum):
    """What the worker hears from its horse."""

    NOTHING_YET = 0
    DONE = 1
    LAST = 2  # done, and another horse is to do the next
    DIED = 3


@dataclass
class Horse:
    """The worker's end of the pipes."""

    pid: int
    _orders: int
    _replies: int

    def give(self, order: str) -> None:
        """Have it run a job. Raises OSError if it is dead."""
        os.write(self._orders, f"{order}\n".encode())

    def wait(self, seconds: float) -> Reply:
        """Return what it says within `seconds`."""
        if not select.select([self._replies], [], [], max(0, seconds))[0]:
            # Something that a task has started may hold the pipe open after the horse's death.
            return Reply.DIED if self._has_ended() else Reply.NOTHING_YET
        said = os.read(self._replies, 1)
        return {DONE: Reply.DONE, LAST: Reply.LAST}.get(said, Reply.DIED)

    def kill(self) -> None:
        """End it and what it has started, now."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    def dismiss(self, patience: float) -> int | None:
        """Have it end by itself within `patience` seconds or kill it; return its wait status."""
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
    """Start a horse as a copy of this process; it calls `run` with its ends of the pipes."""
    orders_out, orders_in = os.pipe()
    replies_out, replies_in = os.pipe()
    parent = os.getpid()
    # Handled while Python forks, what a signal's handler raises would be ignored.
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
    """Start a horse as a process of its own, for systems on which a copy is not safe.

    Its ends of the pipes and the number of this process are added to `command`.
    """
    orders_out, orders_in = os.pipe()
    replies_out, replies_in = os.pipe()
    ends = (orders_out, replies_in)
    arguments = [*command, *map(str, ends), str(os.getpid())]
    child = subprocess.Popen(arguments, pass_fds=ends, process_group=0)  # noqa: S603
    child.returncode = 0  # It is waited for by its number.
    return _of(child.pid, orders_in, replies_out, *ends)


def _of(pid: int, orders: int, replies: int, *of_the_horse: int) -> Horse:
    for descriptor in of_the_horse:
        os.close(descriptor)
    with suppress(OSError):  # It does the same; whoever is first, nobody kills the wrong group.
        os.setpgid(pid, pid)
    return Horse(pid, orders, replies)


def become(parent: int) -> None:
    """Make this process one that signals to the worker do not end, but its death does."""
    with suppress(OSError):
        os.setpgid(0, 0)
    for number in SIGNALS:
        # Heroku signals every process. A function, unlike SIG_IGN, is not handed on to programs.
        signal.signal(number, lambda _number, _frame: None)
    die_with(parent)


def die_with(parent: int, number: int = signal.SIGKILL) -> None:
    """Have this process signalled when its parent dies: no job runs on beside its re-run."""
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
    """Run what is ordered until the pipe is closed; `on_idle` is called when there is a pause."""
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
    """Return the bytes of memory that this process has, or 0 where that is not told."""
    try:
        with open("/proc/self/statm", "rb", buffering=0) as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return 0
