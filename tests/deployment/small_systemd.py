"""Do what systemd does for the units of the guide, on a machine that systemd has not booted.

Only the keys that concern the start and the end of a service count here. `systemd-analyze verify`
reads the others in another test. This module needs nothing but Python's own library.
"""

from __future__ import annotations

import configparser
import pwd
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

UNITS = Path("/etc/systemd/system")
PATIENCE = 120  # seconds for a start or an end that takes a few

# systemd passes the service's process id in its environment, and its sockets from number 3 on.
START = """
import os, sys
if sys.argv[1] != "-":
    os.dup2(int(sys.argv[1]), 3)
    os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
os.execv(sys.argv[2], sys.argv[2:])
"""


class CannotStart(Exception):
    """Raised if a service ends before it is ready."""


def launch(
    command: Sequence[str],
    environment: Mapping[str, str],
    held: socket.socket | None = None,
    **options: Any,
) -> subprocess.Popen[bytes]:
    """Start a service of `Type=notify`, and return its process when it is ready.

    It gets the listening socket `held`. Raises CannotStart.
    """
    fd = None if held is None else held.fileno()
    with (
        tempfile.TemporaryDirectory() as folder,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified,
    ):
        notified.bind(address := f"{folder}/notify")
        notified.settimeout(0.2)
        for path, mode in ((folder, 0o755), (address, 0o777)):  # The service may be another user's.
            Path(path).chmod(mode)
        process = subprocess.Popen(
            [sys.executable, "-c", START, "-" if fd is None else str(fd), *command],
            env={**environment, "NOTIFY_SOCKET": address},
            pass_fds=[] if fd is None else [fd],
            **options,
        )
        for _ in range(PATIENCE * 5):
            if process.poll() is not None:
                raise CannotStart
            try:
                if b"READY=1" in notified.recv(4096).split(b"\n"):
                    return process
            except TimeoutError:
                continue
    end(process)
    raise CannotStart


def end(process: subprocess.Popen[bytes] | None) -> None:
    """Stop a service and return when it has ended, as `systemctl stop` does."""
    if process is not None and process.poll() is None:
        process.terminate()
        process.wait(PATIENCE)


def parse(text: str) -> configparser.ConfigParser:
    """Return the sections of a unit."""
    parser = configparser.ConfigParser(interpolation=None, strict=True)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(text)
    return parser


def parse_environment(text: str) -> dict[str, str]:
    """Return the settings of an EnvironmentFile, where nothing after a value is a comment."""
    found = {}
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        assert equals, line
        is_quoted = len(value) > 1 and value[0] == value[-1] == "'"
        found[name] = value[1:-1] if is_quoted else value
    return found


class SmallSystemd:
    """The services and sockets of a machine, and `systemctl` for them."""

    def __init__(self) -> None:
        self.sockets: dict[str, socket.socket] = {}
        self.services: dict[str, subprocess.Popen[bytes]] = {}

    def call(self, arguments: Sequence[str]) -> None:
        """Do what `systemctl` does. Raises CannotStart, and ValueError for an unknown verb."""
        verb, *names = [one for one in arguments if one != "--now"]
        if verb not in {"enable", "restart", "reload"}:
            raise ValueError(f"systemctl {verb}")
        for name in names:
            if verb == "reload":
                self.services[name].send_signal(signal.SIGHUP)
            else:
                end(self.services.pop(name, None))
                self.start(name)

    def start(self, name: str) -> None:
        if name.endswith(".socket"):
            host, port = _unit(name)["Socket"]["ListenStream"].split(":")
            self.sockets[name] = socket.create_server((host, int(port)), backlog=4096)
            return
        unit = _unit(f"{name}.service")["Service"]
        account = pwd.getpwnam(unit["User"])
        self.services[name] = launch(
            shlex.split(unit["ExecStart"]),
            parse_environment(Path(unit["EnvironmentFile"]).read_text()),
            self.sockets[unit["Sockets"]] if "Sockets" in unit else None,
            cwd=unit["WorkingDirectory"],
            user=account.pw_uid,
            group=account.pw_gid,
            extra_groups=[],
            umask=int(unit["UMask"], 8),
        )

    def end(self) -> None:
        for process in self.services.values():
            end(process)
        for one in self.sockets.values():
            one.close()


def _unit(name: str) -> configparser.ConfigParser:
    """Return a unit, which for app-web@1.service is that of app-web@.service."""
    stem, at, instance = name.partition("@")
    return parse((UNITS / (f"{stem}@.{instance.partition('.')[2]}" if at else name)).read_text())
