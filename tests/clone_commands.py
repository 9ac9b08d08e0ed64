"""Run manage.py of clones in forks of a process that has imported the libraries.

These imports are most of what a command takes. Each fork imports the application from its clone.
`run` starts `python -m tests.clone_commands` once, and hands it a command a line.
"""

import atexit
import gc
import json
import os
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from threading import Lock

from tests import libraries, python_command

_one_at_a_time = Lock()


def run(*arguments: str, cwd: Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a Python file with arguments, or `-c` and some code, until it ends."""
    with (
        tempfile.NamedTemporaryFile("r") as stdout,
        tempfile.NamedTemporaryFile("r") as stderr,
        _one_at_a_time,
    ):
        asked = [arguments, str(cwd), env, stdout.name, stderr.name]
        code = int(_ask(json.dumps(asked)))
        return subprocess.CompletedProcess(arguments, code, stdout.read(), stderr.read())


def _ask(line: str) -> str:
    server = _server()
    assert server.stdin
    assert server.stdout
    server.stdin.write(f"{line}\n")
    server.stdin.flush()
    answer = server.stdout.readline()
    assert answer, "tests.clone_commands has ended"
    return answer


@cache
def _server() -> "subprocess.Popen[str]":
    # Python keeps the bytecode of clones, as it does where a developer runs their commands.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.clone_commands"],
        cwd=libraries.ROOT, env=kept, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    atexit.register(server.communicate)
    return server


def _preload() -> None:
    """Import what a fork needs to import the application, and nothing of this project."""
    reader, writer = os.pipe()
    if (child := os.fork()) == 0:
        import manage  # noqa: F401 - in the fork alone
        from app import create_app  # noqa: F401

        with os.fdopen(writer, "w") as names:
            json.dump(libraries.imported(), names)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as names:
        libraries.load(json.load(names))
    os.waitpid(child, 0)
    gc.freeze()


def main() -> None:
    _preload()
    for line in iter(sys.stdin.readline, ""):
        if (child := os.fork()) == 0:
            _become(*json.loads(line))
            return
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        sys.stdout.write(f"{code}\n")
        sys.stdout.flush()


def _become(
    arguments: list[str], folder: str, env: dict[str, str], stdout: str, stderr: str
) -> None:
    """Do in a fork what `python` with these arguments does."""
    for number, name in enumerate((os.devnull, stdout, stderr)):
        file = os.open(name, os.O_RDWR)
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(folder)
    for name in [name for name in sys.modules if libraries.is_own(name) and name != "__main__"]:
        del sys.modules[name]
    sys.path[0] = folder
    python_command.run(arguments)


if __name__ == "__main__":
    main()
