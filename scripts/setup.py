"""Create `.venv`, its packages, `.env` and the built assets for `make run` and `make test`.

With the name of a requirements file, the script creates another environment instead: `setup.py
tools` creates .venv-tools. It uses only the standard library, because it runs before anything is
installed. A second run does only the necessary steps.
"""

import hashlib
import os
import platform
import random
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
REQUIREMENTS = ROOT / "requirements"
BUILT_OF = {".html", ".js", ".scss", ".svg"}
MANIFEST = ROOT / "app" / "static" / "gen" / "manifest.json"

ENV_FILE = """\
# Settings of this copy alone; never committed. .env.example explains every setting.
SECRET_KEY={secret_key}
# A port of its own, so that this Redis is no other project's.
REDIS_URL=redis://127.0.0.1:{redis_port}/0
"""


def main(*names: str) -> None:
    os.chdir(ROOT)
    if names:
        for name in names:
            install(ROOT / f".venv-{name}", name)
        return
    install(VENV, "dev")
    write_env_file()
    build_assets()


def install(venv: Path, name: str) -> None:
    """Install the packages that requirements/`name`.txt pins into `venv`, unless it is up to date.

    The Python's own pip installs only the pinned pip, which installs the rest. Old versions of pip
    reject a lock once a newer release of a package with an extra is published. setuptools is pinned
    too, because it builds packages that are published only as source.
    """
    installer, lock = REQUIREMENTS / "installer.txt", REQUIREMENTS / f"{name}.txt"
    python, stamp = venv / "bin" / "python", venv / "installed-requirements"
    digest = fingerprint([installer, lock], content=True)
    if python.exists() and read(stamp) == digest:
        return
    if Path(sys.prefix) != venv:
        say(f"Making {venv.name} with Python {platform.python_version()} ({sys.executable})")
        run([sys.executable, "-m", "venv", "--clear", str(venv)])
    say("Installing the packages (a minute, the first time)")
    pip = [str(python), "-m", "pip", "--disable-pip-version-check"]
    run([*pip, "install", "-qq", "--require-hashes", "-r", str(installer)])
    run([*pip, "install", "-qq", "--no-build-isolation", "--require-hashes", "-r", str(lock)])
    stamp.write_text(digest)


def write_env_file() -> None:
    """Write `.env`, readable only by its owner, unless it exists."""
    try:
        descriptor = os.open(ROOT / ".env", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    say("Writing .env with a secret key of its own")
    text = ENV_FILE.format(secret_key=secrets.token_urlsafe(48), redis_port=free_port())
    with os.fdopen(descriptor, "w") as file:
        file.write(text)


def free_port() -> int:
    """Return a free loopback port below the range for outgoing connections."""
    for port in random.sample(range(20000, 30000), 100):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise SystemExit("No free port was found between 20000 and 29999 for Redis.")


def build_assets() -> None:
    """Build the assets if their sources, or the templates that name the icons, have changed."""
    app = ROOT / "app"
    sources = [app / "kit/assets.py", REQUIREMENTS / "common.txt"]
    for folder in ("assets", "templates", "features"):
        sources += sorted(path for path in (app / folder).rglob("*.*") if path.suffix in BUILT_OF)
    digest = fingerprint(sources)
    stamp = VENV / "built-assets"
    if MANIFEST.exists() and read(stamp) == digest:
        return
    say("Building the assets")
    run([str(PYTHON), "manage.py", "build_assets"])
    stamp.write_text(digest)


def fingerprint(paths: Iterable[Path], *, content: bool = False) -> str:
    """Return a digest of the files: of their content, or faster, of their sizes and times."""
    digest = hashlib.sha256(sys.version.encode())
    for path in paths:
        status = path.stat()
        what = path.read_bytes() if content else f"{status.st_size} {status.st_mtime_ns}".encode()
        digest.update(b"%s\0%s\0" % (os.fsencode(path.relative_to(ROOT)), what))
    return digest.hexdigest()


def read(path: Path) -> str | None:
    return path.read_text() if path.exists() else None


def say(message: str) -> None:
    print(f"» {message}", flush=True)


def run(command: list[str]) -> None:
    """Run a command, and exit with its code if it fails, because it reports its own error."""
    code = subprocess.run(command, check=False).returncode
    if code:
        raise SystemExit(code)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except KeyboardInterrupt:
        raise SystemExit(130) from None
