"""Start manage.py, gunicorn and the processes of Local and Procfile as users start them."""

import gc
import http.client
import json
import os
import pstats
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import dev_server
import reloading
from app.kit import assets
from manage import cli, make_app
from settings import product
from tests import processes
from tests.processes import ROOT, WITHOUT_FEATURES
from tests.queue.support import Process

PYTHON = sys.executable
PRODUCTION = {
    "FLASK_CONFIG": "unix",
    "SECRET_KEY": "dN3v0yq8Yk4cJm1XGzT7uWb2sRhEoP5aLfKiQtVw9xC6ZjDpUe",
    "APP_URL": "https://app.example.com",
    "ADMIN_PASSWORD": "violet tractor on a hill",
    "REDIS_URL": "redis://127.0.0.1:1/0",
}

Start = Callable[..., subprocess.Popen[str]]


def environment(**variables: str) -> dict[str, str]:
    """Return this process's environment without variables that choose another configuration."""
    kept = {k: v for k, v in os.environ.items() if not re.match(r"FLASK_|.*DATABASE_URL|PORT$", k)}
    return {**kept, **variables}


def manage(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return processes.run("manage.py", *arguments, env=environment(**variables))


def hear_ctrl_c() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture
def start() -> Iterator[Start]:
    """Return a function that starts a program, which is stopped after the test.

    A development server builds the assets of its features in the folder that all processes share.
    So one that renders a page needs all of them: `with_features`, or `fork`.
    """
    started: list[subprocess.Popen[str]] = []

    def run(*command: str, with_features: bool = False, **variables: str) -> subprocess.Popen[str]:
        features = {} if with_features else WITHOUT_FEATURES
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment(**{**features, **variables}),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            # Background jobs of a shell inherit that they ignore SIGINT.
            preexec_fn=hear_ctrl_c,  # noqa: PLW1509 - no thread of a test runs meanwhile
        )
        started.append(process)
        return process

    yield run
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@pytest.fixture
def fork() -> Iterator[Callable[..., Process]]:
    """Return a function that starts a program in a process that has imported all features."""
    started: list[Process] = []

    def run(program: str, *arguments: str, **variables: str) -> Process:
        process = Process(environment(**variables), *arguments, program=program)
        started.append(process)
        return process

    yield run
    for process in started:
        process.end()


@pytest.fixture(scope="module", autouse=True)
def same_assets() -> Iterator[None]:
    """Check that no program of these tests leaves the checkout without assets of a feature."""
    were_there = assets_are_there()
    yield
    assert assets_are_there() or not were_there


def assets_are_there() -> bool:
    """Return whether the assets of all features that are on are built."""
    manifest = assets.APP / "static/gen" / assets.MANIFEST
    return manifest.exists() and json.loads(manifest.read_text()).keys() >= assets.BUNDLES.keys()


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def get(port: int, path: str, host: str = "localhost") -> http.client.HTTPResponse:
    """Send requests until there is an answer, for 30 seconds."""
    for _ in range(300):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
        try:
            connection.request("GET", path, headers={"Host": host})
            response = connection.getresponse()
            response.read()
        except OSError:
            threading.Event().wait(0.1)
        else:
            return response
        finally:
            connection.close()
    raise AssertionError(f"nothing answers on port {port}")


def test_production_says_in_sentences_what_is_missing() -> None:
    result = manage(
        "routes", **{**PRODUCTION, "SECRET_KEY": "", "APP_URL": "", "ADMIN_PASSWORD": ""}
    )
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    for name in ("SECRET_KEY", "APP_URL", "ADMIN_PASSWORD"):
        assert re.search(rf"^{name} must", result.stderr, re.MULTILINE), result.stderr


def test_garbage_is_collected_once_the_application_is_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FLASK_CONFIG", "testing")
    before = gc.get_threshold()
    make_app()
    assert gc.isenabled()
    assert gc.get_freeze_count()
    gc.unfreeze()
    gc.set_threshold(*before)


def test_an_unknown_configuration_is_named() -> None:
    result = manage("routes", FLASK_CONFIG="staging")
    assert result.returncode == 1
    assert "staging" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("command", ["routes", "build_assets"])
def test_commands_without_a_database_do_not_connect_to_one(command: str) -> None:
    result = manage(
        command,
        FLASK_CONFIG="development",
        SECRET_KEY="none-needed",
        DEV_DATABASE_URL="postgresql://nobody@127.0.0.1:1/nothing",
        REDIS_URL="redis://127.0.0.1:1/0",
    )
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(("body", "code"), [("pass", 0), ("assert False", 1)])
def test_the_test_command_exits_as_the_tests_did(tmp_path: Path, body: str, code: int) -> None:
    (tmp_path / "test_it.py").write_text(f"def test_it():\n    {body}\n")
    assert manage("test", str(tmp_path), "-p", "no:randomly").returncode == code


def test_runserver_answers_and_ends_on_ctrl_c(start: Start, port: int) -> None:
    variables = {"PORT": str(port), "SECRET_KEY": "x" * 40}
    server = start(PYTHON, "manage.py", "runserver", with_features=True, **variables)
    assert get(port, "/healthz").status == 200
    os.killpg(server.pid, signal.SIGINT)
    output, _ = server.communicate(timeout=3000)
    assert f"http://localhost:{port}" in output
    assert product.admin_email() in output
    assert output.count("sign in as") == 1


def test_runserver_on_another_port_names_it_and_keeps_cookies_of_its_own(
    fork: Callable[..., Process], port: int
) -> None:
    server = fork("manage.py", "runserver", "-p", str(port), "--no-reload")
    response = get(port, "/account/login")
    assert response.headers["Set-Cookie"].startswith(f"session_{port}=")
    os.killpg(server.pid, signal.SIGINT)
    server.wait()
    assert f"Open http://localhost:{port};" in server.output


def test_a_file_in_another_encoding_ends_a_command_with_a_sentence(tmp_path: Path) -> None:
    """F36"""
    (tmp_path / ".env").write_bytes("APP_NAME=Café\n".encode("utf-16"))
    program = (
        "import pathlib, runpy; from settings import reader;"
        f" reader.BASE_DIR = pathlib.Path({str(tmp_path)!r});"
        " runpy.run_path('manage.py', run_name='__main__')"
    )
    ended = subprocess.run(
        [PYTHON, "-c", program, "routes"],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stderr == f"{tmp_path}/.env is not UTF-8: save it as UTF-8 in your editor.\n"


class TestGunicorn:
    def test_it_serves_ends_in_peace_and_logs_no_tokens_of_mailed_links(
        self, start: Start, port: int, tmp_path: Path
    ) -> None:
        """TK-7: including pages that a copy adds."""
        token = "TheSecretToken.abc-123_x"
        (tmp_path / "added.py").write_text(
            "from manage import app\n"
            "app.add_url_rule('/letters/leave/<token:token>', 'leave', lambda token: 'Left.')\n"
        )
        gunicorn = start(
            PYTHON,
            *("-m", "gunicorn", "-c", "gunicorn.conf.py", "--bind", f"127.0.0.1:{port}"),
            *("--pythonpath", str(tmp_path), "added:app"),
            DATABASE_URL=f"sqlite:///{tmp_path / 'data.sqlite'}",
            WEB_CONCURRENCY="1",
            with_features=True,
            **PRODUCTION,
        )
        response = get(port, "/healthz", "app.example.com")
        assert response.status == 200
        assert response.headers["Server"] is None
        for path in (
            f"/account/reset-password/{token}",
            f"/account/confirm-account/{token}?x=1",
            f"/account/manage/change-email/{token}",
            f"/account/manage/change-email/{token}",
            f"/account/%72eset-password/{token}",
            f"/letters/leave/{token}",
        ):
            get(port, path, "app.example.com")
        gunicorn.terminate()
        output, _ = gunicorn.communicate(timeout=300)
        assert gunicorn.returncode == 0
        assert token not in output
        assert output.count("/***") >= 6
        assert "127.0.0.1" in output

    def test_it_stops_at_once_when_a_setting_is_missing(self, port: int) -> None:
        ended = processes.run(
            *("-m", "gunicorn", "-c", "gunicorn.conf.py", "--bind", f"127.0.0.1:{port}"),
            "manage:app",
            env=environment(**{**PRODUCTION, "SECRET_KEY": ""}),
            timeout=300,
        )
        output = ended.stdout + ended.stderr
        assert ended.returncode != 0
        assert "SECRET_KEY must be set" in output
        assert "Traceback" not in output


def test_the_worker_of_local_builds_links_to_the_web() -> None:
    lines = (ROOT / "Local").read_text().splitlines()
    names = [line.split(":")[0] for line in lines if re.match(r"[a-z]+:", line)]
    assert names == ["web", "worker", "redis"]
    (command,) = [line.split(": ")[1] for line in lines if line.startswith("worker:")]
    variable = command.split("python")[0]
    # honcho and foreman do this: they add 100 for each process.
    shown = subprocess.run(
        ["sh", "-c", f"{variable} printenv PORT"],
        env=environment(PORT="5155"),
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout.strip() == "5055"


class TestUnchosen:
    """With FLASK_CONFIG missing, empty or misspelt as FLASK_ENV, nothing serves development."""

    FORGOTTEN = ({}, {"FLASK_CONFIG": ""}, {"FLASK_ENV": "production"}, {"FLASK_CONFIG": "default"})

    # Without the file, manage.py asks the same function.
    @pytest.mark.parametrize(
        ("variables", "own_file"), [*((one, True) for one in FORGOTTEN), ({}, False)]
    )
    def test_gunicorn_refuses(self, port: int, variables: dict[str, str], own_file: bool) -> None:
        """CF-2"""
        settings = "gunicorn.conf.py" if own_file else os.devnull
        ended = processes.run(
            *("-m", "gunicorn", "-c", settings, "--bind", f"127.0.0.1:{port}", "manage:app"),
            env=environment(**variables),
            timeout=300,
        )
        output = ended.stdout + ended.stderr
        assert ended.returncode != 0
        assert "FLASK_CONFIG is not set" in output
        assert not own_file or "Traceback" not in output

    @pytest.mark.parametrize("variables", FORGOTTEN)
    @pytest.mark.parametrize("command", ["release", "setup_prod"])
    def test_commands_of_a_deployment_refuse(
        self, tmp_path: Path, variables: dict[str, str], command: str
    ) -> None:
        """CF-2"""
        result = manage(command, INSTANCE_PATH=str(tmp_path / "instance"), **variables)
        assert result.returncode == 1
        assert "FLASK_CONFIG is not set" in result.stderr
        assert "Traceback" not in result.stderr
        assert not list(tmp_path.rglob("*.sqlite"))

    def test_development_is_served_where_it_is_asked_for_and_the_log_says_so(
        self, fork: Callable[..., Process], port: int, tmp_path: Path
    ) -> None:
        gunicorn = fork(
            *("-m", "gunicorn", "-c", "gunicorn.conf.py", "--bind", f"127.0.0.1:{port}"),
            "manage:app",
            FLASK_CONFIG="development",
            INSTANCE_PATH=str(tmp_path / "instance"),
            WEB_CONCURRENCY="1",
        )
        assert get(port, "/healthz").status == 200
        gunicorn.signal(signal.SIGTERM)
        gunicorn.wait()
        assert "Development is served" in gunicorn.output

    def test_more_threads_than_leave_room_are_said_in_a_sentence(
        self, start: Start, port: int, tmp_path: Path
    ) -> None:
        gunicorn = start(
            *(PYTHON, "-m", "gunicorn", "-c", "gunicorn.conf.py", "--bind", f"127.0.0.1:{port}"),
            *("--threads", "20", "manage:app"),
            **PRODUCTION,
            INSTANCE_PATH=str(tmp_path / "instance"),
            WEB_CONCURRENCY="1",
            WAITING_REQUESTS="10",
            HASHING_SLOTS="64",
        )
        assert get(port, "/healthz").status == 200
        gunicorn.terminate()
        output, _ = gunicorn.communicate(timeout=30)
        assert "With 20 threads (--threads)" in output
        is_told = "HASHING_SLOTS is 64, and this machine has" in output
        assert is_told == ((os.cpu_count() or 1) < 64)

    def test_an_invalid_number_of_workers_is_explained(self, port: int) -> None:
        ended = processes.run(
            *("-m", "gunicorn", "-c", "gunicorn.conf.py", "--bind", f"127.0.0.1:{port}"),
            "manage:app",
            env=environment(**PRODUCTION, WEB_CONCURRENCY="0"),
            timeout=300,
        )
        output = ended.stdout + ended.stderr
        assert ended.returncode != 0
        assert "WEB_CONCURRENCY must be at least 1" in output
        assert "Traceback" not in output


def test_python_without_the_packages_is_told_how_to_get_them():
    """The system's Python, as in a terminal in which .venv is not active."""
    command = [PYTHON, "-S", "manage.py", "--help"]
    found = subprocess.run(
        command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False
    )
    assert found.returncode == 1
    assert ". .venv/bin/activate" in found.stderr
    assert "Traceback" not in found.stderr


def test_runserver_serves_https_and_profiles_each_request(
    tmp_path: Path, start: Start, port: int
) -> None:
    """--cert adhoc keeps its certificate, which here is the only one that the client trusts."""
    own = {"FLASK_CONFIG": "development", "INSTANCE_PATH": str(tmp_path / "own")}
    server = start(
        *(PYTHON, "manage.py", "runserver", "--port", str(port), "--cert", "adhoc"),
        f"--profile={tmp_path / 'profiles'}",
        with_features=True,
        **own,
    )
    assert server.stdout is not None
    assert server.stdout.readline().startswith(f"Open https://localhost:{port}; sign in as ")
    trusted = ssl.create_default_context(cafile=str(tmp_path / "own/https/localhost.crt"))
    for _ in range(300):
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=300, context=trusted)
        trusted.check_hostname = False  # the certificate names localhost
        try:
            connection.request("GET", "/account/login", headers={"Host": "localhost"})
            response = connection.getresponse()
            response.read()
            break
        except ConnectionRefusedError:
            threading.Event().wait(0.1)
        finally:
            connection.close()
    assert response.status == 200
    (profile,) = (tmp_path / "profiles").iterdir()
    assert re.fullmatch(r"GET\.account\.login\.\d+ms\.\d+\.prof", profile.name)
    assert pstats.Stats(str(profile)).total_calls > 1000  # type: ignore[attr-defined]


def test_wrong_certificates_are_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "cert.pem").touch()
    for cert, key, reason in (
        ("", "key.pem", "--key needs --cert."),
        ("/nowhere/cert.pem", "", "There is no file /nowhere/cert.pem."),
        ("adhoc", "key.pem", "makes a key of its own"),
    ):
        with pytest.raises(click.UsageError, match=reason):
            dev_server.certificate(cert, key, tmp_path)
    both = str(tmp_path / "cert.pem")
    assert dev_server.certificate(both, "", tmp_path) == (both, both)
    assert dev_server.certificate("", "", tmp_path) is None


def test_a_hostile_path_makes_a_plain_file_name() -> None:
    environ = {"REQUEST_METHOD": "GET", "werkzeug.profiler": {"elapsed": 1.5}}
    name = dev_server.file_name({**environ, "PATH_INFO": "/../" + "x/\0\n" * 100})
    assert re.fullmatch(r"GET\.[\w.-]{1,80}\.2ms\.\d+\.prof", name)


def test_the_test_command_measures_coverage(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[tuple[str, ...]] = []

    def record(*command: str) -> int:
        ran.append(command)
        return 0

    monkeypatch.setattr("manage.run_tool", record)
    CliRunner().invoke(cli, ["test", "--coverage", "-k", "sign_in"])
    CliRunner().invoke(cli, ["test", "-x"])
    reports = ("--cov", "--cov-report=term", "--cov-report=html")
    assert ran == [("pytest", *reports, "-k", "sign_in"), ("pytest", "-x")]


def test_the_shell_is_that_of_ipython_where_it_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "IPython.py").write_text(
        "def start_ipython(argv, user_ns):\n"
        "    print('IPython with', user_ns['User'].__name__, type(user_ns['db']).__name__)\n"
    )
    monkeypatch.setenv("FLASK_CONFIG", "testing")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    result = CliRunner().invoke(cli, ["shell"])
    sys.modules.pop("IPython", None)
    assert result.output == "IPython with User SQLAlchemy\n", result.exception


def test_a_query_in_the_shell_keeps_nobody_from_writing(tmp_path: Path) -> None:
    database = tmp_path / "app.sqlite"
    url = f"sqlite:///{database}"
    assert manage("db", "upgrade", FLASK_CONFIG="development", DEV_DATABASE_URL=url).returncode == 0
    lines = (
        "user = db.session.query(User).first()\n"
        "import sqlite3\n"
        f"other = sqlite3.connect({str(database)!r}, timeout=0, isolation_level=None)\n"
        "print('others', other.execute('BEGIN IMMEDIATE').fetchone())\n"
        "other.close()\n"
        "db.session.add(User(email='new@example.com')); db.session.commit()\n"
        "print('users', db.session.query(User).count())\n"
    )
    shell = subprocess.run(
        [PYTHON, "manage.py", "shell"],
        env=environment(FLASK_CONFIG="development", DEV_DATABASE_URL=url, **WITHOUT_FEATURES),
        input=lines,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "others None" in shell.stdout, shell.stderr
    assert "users 1" in shell.stdout, shell.stderr


def test_a_development_server_watches_code_and_manifests():
    watched = {Path(path).relative_to(ROOT).as_posix() for path, _ in reloading.snapshot()}
    assert {"config.py", "pyproject.toml", "app/core.toml", "app/__init__.py"} <= watched
    manifests = ROOT.glob("app/features/*/feature.toml")
    assert {path.relative_to(ROOT).as_posix() for path in manifests} <= watched
    assert not any(path.startswith("tests/") for path in watched)
