"""Run programs of this project in processes that skip the second that their imports take.

The forkserver of `multiprocessing` imports the app once and forks each program, which has
its own environment, process group and signals. Tests of how a program starts use `subprocess`.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from multiprocessing.reduction import DupFd
from pathlib import Path
from typing import Any

from settings import manifests
from tests import python_command

ROOT = Path(__file__).parents[1]
# Variables for a program that starts anew and shows nothing of features, which are half of what it
# imports. A program of the forkserver has imported all.
WITHOUT_FEATURES = {"FEATURES_OFF": ",".join(manifests.read())}

_forkserver = multiprocessing.get_context("forkserver")
_forkserver.set_forkserver_preload(["tests.preloaded"])


class _Descriptor:
    """A file descriptor that gets its own number in the other process."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __reduce__(self) -> tuple[Callable[[Any], int], tuple[Any]]:
        return _received, (DupFd(self.number),)


def _received(descriptor: Any) -> int:
    return int(descriptor.detach())


def _run(arguments: list[str], env: dict[str, str], stdout: int, stderr: int) -> None:
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # A shell's background job ignores it.
    os.dup2(stdout, 1)
    os.dup2(stderr, 2)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    os.environ.clear()
    os.environ.update(env)
    os.chdir(ROOT)
    python_command.run(arguments)


class Program:
    """A Python program with arguments, which can be waited for and killed like `Popen`."""

    def __init__(
        self, *arguments: str, env: dict[str, str], stdout: int, stderr: int | None = None
    ) -> None:
        output = _Descriptor(stdout), _Descriptor(stdout if stderr is None else stderr)
        self._process = _forkserver.Process(
            target=_run, args=(list(arguments), env, *output), daemon=True
        )
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    def poll(self) -> int | None:
        """Return the exit code, or the negative signal number, once the program has ended."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        code = self.poll()
        if code is None:
            raise subprocess.TimeoutExpired(["python"], timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def run(
    *arguments: str, env: dict[str, str], timeout: float | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a program until it ends, or raise TimeoutExpired after `timeout` seconds."""
    with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        program = Program(*arguments, env=env, stdout=stdout.fileno(), stderr=stderr.fileno())
        try:
            code = program.wait(timeout)
        finally:
            program.kill()  # which does nothing to one that has ended
        for file in (stdout, stderr):
            file.seek(0)
        return subprocess.CompletedProcess(
            arguments, code, stdout.read().decode(), stderr.read().decode()
        )
