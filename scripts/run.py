"""Migrate, print how to sign in, and start web, worker and Redis for `make run`.

All three end on Ctrl-C, and also when the terminal is closed.
"""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from dotenv import dotenv_values

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    os.chdir(ROOT)
    port = os.environ.get("PORT") or port_in_file() or "5000"
    if not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        print(f"PORT must be a number from 1 to 65535, not {port!r}.", file=sys.stderr)
        return 1
    if is_in_use(int(port)):
        print(
            f"Port {port} is in use (on a Mac, perhaps by AirPlay Receiver): end what uses it, "
            f"or choose another with PORT={int(port) + 50} make run.",
            file=sys.stderr,
        )
        return 1
    # The commands in Local run `python`, which must be this Python.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    environment = {**os.environ, "PATH": path, "PORT": port}
    setup = subprocess.run([sys.executable, "manage.py", "setup_dev"], env=environment, check=False)
    return setup.returncode or run_processes(environment)


def port_in_file() -> str | None:
    """Return the PORT of `.env`, or None. setup_dev, which follows, reports an unreadable file."""
    try:
        return dotenv_values(ROOT / ".env", encoding="utf-8-sig", interpolate=False).get("PORT")
    except (OSError, UnicodeDecodeError):
        return None


def is_in_use(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def run_processes(environment: dict[str, str]) -> int:
    """Run the processes of Local until one of them ends or a signal ends them all.

    honcho starts each process in its own session and handles only SIGINT and SIGTERM. A closed
    terminal (SIGHUP) would end honcho and leave the processes running, so it becomes a SIGTERM.
    honcho does not read the .env file, because it parses quotes and spaces differently. config.py
    reads the file.
    """
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # inherited by honcho
    command = [sys.executable, "-m", "honcho", "start", "-e", os.devnull, "-f", "Local"]
    honcho = subprocess.Popen([*command, "-p", environment["PORT"]], env=environment)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C reaches honcho from the terminal
    for signum in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, lambda *_: honcho.terminate())
    code = honcho.wait()
    # Ctrl-C is the normal end.
    return 0 if code == 128 + signal.SIGINT else code


if __name__ == "__main__":
    raise SystemExit(main())
