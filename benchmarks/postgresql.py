"""Start a PostgreSQL server for the duration of a run."""

import os
import shutil
import subprocess
from contextlib import ExitStack
from pathlib import Path

SETTINGS = ("listen_addresses=127.0.0.1", "unix_socket_directories=''", "shared_buffers=512MB")


def start(folder: Path, port: int, stack: ExitStack) -> str | None:
    """Start a server that `stack` stops. Returns its URL, or None if none is installed."""
    programs = _programs()
    if programs is None:
        return None
    # PostgreSQL refuses to run as root.
    prefix = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    data = folder / "postgresql"
    data.mkdir()
    if prefix:
        folder.chmod(0o755)
        shutil.chown(data, "postgres")

    def run(program: str, *arguments: str, check: bool = True) -> None:
        command = [*prefix, str(programs / program), "-D", str(data), *arguments]
        subprocess.run(command, check=check, stdout=subprocess.DEVNULL, cwd="/")

    run("initdb", "-U", "kit", "--auth=trust", "-E", "UTF8")
    options = " ".join(f"-c {setting}" for setting in (f"port={port}", *SETTINGS))
    # The callback is added before the start, during which the run may be interrupted. Stopping may
    # then fail.
    stack.callback(run, "pg_ctl", "-w", "-m", "immediate", "stop", check=False)
    run("pg_ctl", "-w", "-l", str(data / "log"), "-o", options, "start")
    return f"postgresql://kit@127.0.0.1:{port}/postgres"


def _programs() -> Path | None:
    """Return the folder of the server's programs, which Debian does not add to PATH."""
    if found := shutil.which("initdb"):
        return Path(found).parent
    folders = Path("/usr/lib/postgresql").glob("*/bin")
    return max(folders, key=lambda folder: float(folder.parent.name), default=None)
