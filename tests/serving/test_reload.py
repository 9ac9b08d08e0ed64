"""gunicorn reloads on SIGHUP without losing a request, and survives code that cannot load."""

import inspect
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from runpy import run_path

import pytest
from gunicorn import sock
from gunicorn.config import Config

from tests.cli.test_manage import PRODUCTION, environment
from tests.deployment.small_systemd import START
from tests.processes import ROOT
from tests.queue.support import until

# Loading takes until the test allows it.
APPLICATION = """
import pathlib, time
folder = pathlib.Path(__file__).parent
version = (folder / "version").read_text()
while not (folder / f"may load {version}").exists():
    time.sleep(0.02)
if version == "broken":
    raise RuntimeError("broken")

def application(environ, start_response):
    start_response("200 OK", [("Content-Length", str(len(version)))])
    return [version.encode()]
"""


class Server:
    """gunicorn with an application of this test, on systemd's socket or on sockets of its own."""

    def __init__(self, folder: Path, has_socket: bool) -> None:
        self.folder, self.log, self.has_socket = folder, folder / "log", has_socket
        (folder / "versioned.py").write_text(APPLICATION)
        self.write("one")
        self.allow("one")
        gunicorn = [shutil.which("gunicorn", path=str(Path(sys.executable).parent)) or "gunicorn"]
        gunicorn += ["-c", "gunicorn.conf.py", "--pythonpath", str(folder), "-w", "1"]
        with (
            socket.create_server(("127.0.0.1", 0), backlog=256) as listening,
            self.log.open("w") as log,
        ):
            self.port = listening.getsockname()[1]
            number = str(listening.fileno())
            activate = [sys.executable, "-c", START, number]
            if not has_socket:
                listening.close()
            self.process = subprocess.Popen(
                [*(activate if has_socket else []), *gunicorn, "versioned:application"],
                cwd=ROOT,
                env=environment(**PRODUCTION, PORT=str(self.port)),
                pass_fds=[int(number)] if has_socket else [],
                stdout=subprocess.DEVNULL,
                stderr=log,
            )

    def write(self, version: str) -> None:
        (self.folder / "version").write_text(version)

    def allow(self, version: str) -> None:
        (self.folder / f"may load {version}").touch()

    def hang_up(self) -> None:
        self.process.send_signal(signal.SIGHUP)

    def said(self, words: str) -> int:
        return self.log.read_text().count(words)

    def answers(self) -> bool:
        try:
            return self.version() == "one"
        except OSError:
            return False

    def version(self) -> str:
        try:
            return self._get()
        except ConnectionResetError:
            # A socket of a worker's own can be closed with a connection in it.
            if self.has_socket:
                raise
            return self._get()

    def _get(self) -> str:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("GET", "/")
            return connection.getresponse().read().decode()
        finally:
            connection.close()


@pytest.fixture(params=[True, False], ids=["socket of systemd", "own sockets"])
def server(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Server]:
    server = Server(tmp_path, request.param)
    try:
        until(server.answers, "gunicorn answers")
        yield server
    finally:
        for version in ("two", "three"):
            server.allow(version)  # A reload that waits would outlast the signal.
        server.process.terminate()
        server.process.wait(60)


def test_a_worker_opens_no_socket_before_it_has_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A socket that is closed again resets the connections that came in meanwhile."""
    original = inspect.unwrap(sock.create_sockets)
    monkeypatch.setattr(sock, "create_sockets", original)
    for _ in range(2):  # the start, and a reload
        conf = run_path(str(ROOT / "gunicorn.conf.py"))
        assert sock.create_sockets(Config(), None) == []
        assert conf["slow_clients"]["create_sockets"] is original


@pytest.mark.slow
def test_a_reload_loses_nothing(server: Server) -> None:
    """Visitors come all the time: during a reload, two at once, and one of broken code."""
    ended, lost = threading.Event(), []

    def visit() -> None:
        while not ended.wait(0.01):
            try:
                server.version()
            except (OSError, HTTPException) as error:
                lost.append(repr(error))

    visitors = [threading.Thread(target=visit) for _ in range(3)]
    for visitor in visitors:
        visitor.start()
    try:
        server.write("two")
        server.hang_up()
        until(lambda: server.said("Booting worker") == 2, "a new worker loads")
        assert [server.version() for _ in range(5)] == ["one"] * 5
        server.hang_up()
        server.allow("two")
        until(lambda: server.said("Worker exiting") == 2, "both reloads are done")
        assert server.version() == "two"

        server.write("broken")
        server.allow("broken")
        server.hang_up()
        until(lambda: server.said("The old ones go on") == 1, "the new worker failed")
        assert [server.version() for _ in range(5)] == ["two"] * 5

        server.write("three")
        server.allow("three")
        server.hang_up()
        until(lambda: server.version() == "three", "the fixed code is loaded")
    finally:
        ended.set()
        for visitor in visitors:
            visitor.join()
    if server.has_socket:
        assert lost == []
    assert server.process.poll() is None
