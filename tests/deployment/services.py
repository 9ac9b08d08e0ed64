"""Run the units of the guide as systemd does: a socket, and services that report readiness."""

from __future__ import annotations

import shlex
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.deployment import guide

PATIENCE = 120  # seconds for work that takes a few

# systemd passes the service's process id in its environment, and its sockets from number 3 on.
ACTIVATE = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
os.execv(sys.argv[2], sys.argv[2:])
"""


class ListeningSocket:
    """The socket of `app-web.socket`, on a free port."""

    def __init__(self) -> None:
        assert guide.unit("/etc/systemd/system/app-web.socket")["Socket"]["ListenStream"]
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self.port = int(self.socket.getsockname()[1])

    def close(self) -> None:
        self.socket.close()


class CannotStart(Exception):
    """Raised if the service ends before it is ready."""


class WebService:
    """An instance of `app-web@.service`."""

    def __init__(self, listening: ListeningSocket, settings: dict[str, str]) -> None:
        self.unit = guide.unit("/etc/systemd/system/app-web@.service")["Service"]
        assert self.unit["Type"] == "notify"
        assert self.unit["NotifyAccess"] == "all"  # a worker tells it, not gunicorn's first process
        assert self.unit["Sockets"] == "app-web.socket"
        self.listening, self.settings = listening, settings
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the service and wait until it is ready, as `systemctl start` does.

        Raises CannotStart.
        """
        fd = self.listening.socket.fileno()
        command = guide.put_in(
            self.unit["ExecStart"], {"/srv/app/venv/bin": str(Path(sys.executable).parent)}
        )
        with (
            tempfile.TemporaryDirectory() as folder,
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified,
        ):
            notified.bind(address := f"{folder}/notify")
            notified.settimeout(0.2)
            self.process = subprocess.Popen(
                [sys.executable, "-c", ACTIVATE, str(fd), *shlex.split(command)],
                cwd=guide.ROOT,
                env={**self.settings, "NOTIFY_SOCKET": address},
                pass_fds=[fd],
                stdout=subprocess.DEVNULL,
            )
            for _ in range(PATIENCE * 5):
                if self.process.poll() is not None:
                    raise CannotStart
                try:
                    if b"READY=1" in notified.recv(4096).split(b"\n"):
                        return
                except TimeoutError:
                    continue
        self.stop()
        raise CannotStart

    def stop(self) -> None:
        """Stop the service and return when it has ended, as `systemctl stop` does."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(PATIENCE)

    def restart(self) -> None:
        self.stop()
        self.start()
