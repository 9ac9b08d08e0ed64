"""Run the units of the guide as systemd does: a socket, and services that report readiness."""

from __future__ import annotations

import shlex
import socket
import subprocess
import sys
from pathlib import Path

from tests.deployment import guide
from tests.deployment.small_systemd import end, launch


class ListeningSocket:
    """The socket of `app-web.socket`, on a free port."""

    def __init__(self) -> None:
        assert guide.unit("/etc/systemd/system/app-web.socket")["Socket"]["ListenStream"]
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self.port = int(self.socket.getsockname()[1])

    def close(self) -> None:
        self.socket.close()


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
        command = guide.put_in(
            self.unit["ExecStart"], {"/srv/app/venv/bin": str(Path(sys.executable).parent)}
        )
        self.process = launch(
            shlex.split(command),
            self.settings,
            self.listening.socket,
            cwd=guide.ROOT,
            stdout=subprocess.DEVNULL,
        )

    def stop(self) -> None:
        end(self.process)

    def restart(self) -> None:
        self.stop()
        self.start()
