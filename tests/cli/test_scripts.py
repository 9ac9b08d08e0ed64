"""Check the output and the files of `make setup` and `make run` before the app starts."""

import os
import runpy
import shutil
import socket
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"


def write_program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """Return a folder with the script and its own PATH, without Python."""
    (tmp_path / "scripts").mkdir()
    shutil.copy(SCRIPTS / "setup.sh", tmp_path / "scripts")
    (tmp_path / "scripts" / "setup.py").write_text("print('set up by', __file__)")
    (tmp_path / "bin").mkdir()
    for name in ("sh", "dirname"):
        (tmp_path / "bin" / name).symlink_to(shutil.which(name) or "")
    return tmp_path


def set_up(machine: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "scripts/setup.sh"],
        cwd=machine,
        env={"PATH": str(machine / "bin")},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_machine_without_python_is_told_so(machine: Path) -> None:
    result = set_up(machine)
    assert result.returncode == 1
    assert "Python 3.11 or later is needed, and none was found" in result.stderr


def test_an_old_python_is_named(machine: Path) -> None:
    write_program(
        machine / "bin" / "python3",
        '#!/bin/sh\ncase "$2" in *platform*) echo 3.9.2;; *) exit 1;; esac\n',
    )
    result = set_up(machine)
    assert result.returncode == 1
    assert "only python3 3.9.2 was found" in result.stderr


def test_a_missing_venv_module_is_named_with_its_package(machine: Path) -> None:
    write_program(
        machine / "bin" / "python3",
        "#!/bin/sh\n"
        'case "$2" in\n'
        "  *platform*) echo 3.13.5;;\n"
        "  *ensurepip*) exit 1;;\n"
        "  *%d*) echo 3.13;;\n"
        "esac\n",
    )
    result = set_up(machine)
    assert result.returncode == 1
    assert "has no venv module" in result.stderr
    assert "apt install python3.13-venv" in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_python_that_fits_sets_up_even_beside_one_that_does_not(machine: Path) -> None:
    write_program(machine / "bin" / "python3.12", "#!/bin/sh\nexit 127\n")
    (machine / "bin" / "python3").symlink_to(sys.executable)
    result = set_up(machine)
    assert result.returncode == 0, result.stderr
    assert "set up by" in result.stdout


def test_lock_tells_which_pins_changed(tmp_path: Path) -> None:
    for folder in ("scripts", "requirements", ".venv-tools/bin"):
        (tmp_path / folder).mkdir(parents=True)
    shutil.copy(SCRIPTS / "lock.sh", tmp_path / "scripts")
    for name in ("common", "dev"):
        (tmp_path / "requirements" / f"{name}.txt").write_text("one==1 \\\n    --hash=sha256:0\n")
    # Stands in for `uv pip compile`, and pins something else in common.txt.
    uv = "#!/bin/sh\nfor file; do :; done\ncase $file in *common*) echo two==2 >$file;; esac\n"
    write_program(tmp_path / ".venv-tools" / "bin" / "uv", uv)
    for command in (["init", "--quiet"], ["add", "."]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    environment = os.environ | {"LOCK_OPTIONS": "--universal"}
    done = subprocess.run(
        ["sh", "scripts/lock.sh", "common", "dev"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "» requirements/common.txt",
        "  without one==1",
        "  with two==2",
        "» requirements/dev.txt",
        "» Next: make setup, then commit requirements/",
    ]


@pytest.fixture
def setup(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Any]:
    """Return the names in scripts/setup.py, with an empty folder as the project's."""
    names = runpy.run_path(str(SCRIPTS / "setup.py"))
    names["write_env_file"].__globals__["ROOT"] = tmp_path
    return names


def test_the_env_file_is_its_owners_alone(setup: dict[str, Any], tmp_path: Path) -> None:
    setup["write_env_file"]()
    env = tmp_path / ".env"
    assert stat.S_IMODE(env.stat().st_mode) == 0o600
    assert "SECRET_KEY=" in env.read_text()


def test_the_env_file_is_kept_once_it_is_there(setup: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("APP_NAME=Mine\n")
    setup["write_env_file"]()
    assert (tmp_path / ".env").read_text() == "APP_NAME=Mine\n"


def test_each_copy_has_a_key_of_its_own(setup: dict[str, Any], tmp_path: Path) -> None:
    keys = set()
    for _ in range(3):
        setup["write_env_file"]()
        keys.add((tmp_path / ".env").read_text().split("SECRET_KEY=")[1].split("\n")[0])
        (tmp_path / ".env").unlink()
    assert len(keys) == 3
    assert all(len(key) >= 60 for key in keys)


@pytest.fixture
def commands(setup: dict[str, Any], tmp_path: Path) -> list[list[str]]:
    """Return the commands of `install`, with an empty folder as the project's."""
    ran: list[list[str]] = []
    folder = tmp_path / "requirements"
    folder.mkdir()
    for name in ("installer", "dev"):
        (folder / f"{name}.txt").write_text(name)

    def run(command: list[str]) -> None:
        ran.append(command)
        if "venv" in command:
            (tmp_path / ".venv" / "bin").mkdir(parents=True)
            (tmp_path / ".venv" / "bin" / "python").touch()

    setup["install"].__globals__.update(REQUIREMENTS=folder, run=run)
    return ran


def test_the_pip_of_the_python_installs_nothing_but_the_pinned_pip(
    setup: dict[str, Any], commands: list[list[str]], tmp_path: Path
) -> None:
    """Pips before 23.3 refuse a lock if a package in it with an extra has a newer release."""
    setup["install"](tmp_path / ".venv", "dev")
    make, first, second = commands
    assert make[1:4] == ["-m", "venv", "--clear"]
    assert first[-1].endswith("requirements/installer.txt")
    assert second[-1].endswith("requirements/dev.txt")
    assert "--require-hashes" in first
    assert "--require-hashes" in second
    assert "--no-build-isolation" in second, "a build would fetch the newest setuptools"


def test_a_second_set_up_has_nothing_to_do_whichever_python_is_named(
    setup: dict[str, Any], commands: list[list[str]], tmp_path: Path
) -> None:
    """With PYTHON exported, each make command used to create .venv again."""
    setup["install"](tmp_path / ".venv", "dev")
    commands.clear()
    setup["install"](tmp_path / ".venv", "dev")
    assert commands == []


def test_a_python_that_is_gone_is_set_up_for_anew(
    setup: dict[str, Any], commands: list[list[str]], tmp_path: Path
) -> None:
    setup["install"](tmp_path / ".venv", "dev")
    shutil.rmtree(tmp_path / ".venv" / "bin")
    commands.clear()
    setup["install"](tmp_path / ".venv", "dev")
    assert len(commands) == 3


def run_with_port(port: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPTS / "run.py")],
        env={**os.environ, "PORT": port},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_the_port_of_a_file_in_another_encoding_is_left_to_the_set_up(tmp_path: Path) -> None:
    names = runpy.run_path(str(SCRIPTS / "run.py"))
    names["port_in_file"].__globals__["ROOT"] = tmp_path
    (tmp_path / ".env").write_bytes("PORT=5050\n".encode("utf-16"))
    assert names["port_in_file"]() is None
    (tmp_path / ".env").write_bytes("PORT=5050\n".encode("utf-8-sig"))
    assert names["port_in_file"]() == "5050"


def test_a_port_in_use_is_reported() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        result = run_with_port(str(port))
    assert result.returncode == 1
    assert f"Port {port} is in use" in result.stderr


@pytest.mark.parametrize("port", ["abc", "0", "70000", "-1"])
def test_a_port_that_is_none_is_refused(port: str) -> None:
    result = run_with_port(port)
    assert result.returncode == 1
    assert "PORT must be a number" in result.stderr


@pytest.mark.parametrize(
    "source", ["assets/styles/app.scss", "templates/base.html", "features/things/pages/things.js"]
)
def test_assets_are_built_anew_once_a_source_has_changed(
    setup: dict[str, Any], tmp_path: Path, source: str
) -> None:
    built: list[list[str]] = []
    manifest = tmp_path / "manifest.json"
    names = setup["build_assets"].__globals__
    names.update(MANIFEST=manifest, VENV=tmp_path, run=built.append)
    for file in ("kit/assets.py", source):
        (tmp_path / "app" / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "app" / file).write_text("one")
    names["REQUIREMENTS"] = tmp_path
    for file in ("common.txt", "manifest.json"):
        (tmp_path / file).touch()
    setup["build_assets"]()
    setup["build_assets"]()
    assert len(built) == 1
    (tmp_path / "app" / source).write_text("other")
    setup["build_assets"]()
    assert len(built) == 2
