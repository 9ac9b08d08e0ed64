"""Real servers for tests: a Redis, a mail server with scripted faults, and the worker."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import ssl
import subprocess
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from email import message_from_bytes, policy
from email.message import EmailMessage as Mime
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, Session
from flask import Flask, has_app_context
from flask.testing import FlaskClient
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import select

from app.extensions import db
from app.kit import redis_server
from app.kit.mail.email_message import EmailMessage
from tests.processes import Program

CERTIFICATE = Path(__file__).with_name("certificate.pem")
PATIENCE = 300  # seconds for events that take one; every wait ends as soon as possible


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class RedisServer:
    """The test's own Redis on a free port, which can be stopped, frozen and emptied."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def client(self) -> Redis:
        return Redis(port=self.port)

    def start(self) -> None:
        address = redis_server.ServerAddress.parse(self.url)
        settings = redis_server.settings(address, self.directory)
        self.process = subprocess.Popen(
            [redis_server.find_program(), "-"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
        )
        assert self.process.stdin is not None
        self.process.stdin.write(settings.encode())
        self.process.stdin.close()
        until(lambda: answers(self.url), "Redis answers")

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait()
            self.process = None

    def freeze(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)


def answers(url: str) -> bool:
    try:
        return redis_server.is_running(url)
    except (redis_server.CannotStart, RedisError):
        return False


def until(condition: Callable[[], Any], what: str, patience: float = PATIENCE) -> Any:
    """Poll a condition until it is true, and return its value."""
    pause = threading.Event()
    for _ in range(int(patience / 0.05)):
        if found := condition():
            return found
        if has_app_context():
            db.session.rollback()  # An open transaction would keep other processes waiting.
        pause.wait(0.05)
    raise AssertionError(f"waited {patience} s in vain: {what}")


def shows(browser: FlaskClient, path: str, *texts: str) -> str:
    """Wait until a page has all of the texts, and return it."""
    page: str = until(
        lambda: (page := browser.get(path).text) and all(t in page for t in texts) and page,
        f"{path} shows {texts}",
    )
    return page


def is_running(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def states(app: Flask) -> list[str]:
    """Return the states of all mails, without leaving a transaction open that blocks writers."""
    with app.app_context():
        found = db.session.scalars(select(EmailMessage.state).order_by(EmailMessage.id)).all()
        db.session.rollback()
    return list(found)


class MailServer:
    """An SMTP server that keeps the mails it receives, unless its script says otherwise.

    Each entry of `script` applies to one mail. `rcpt 550 no such mailbox` and `data 451 later` are
    replies. `drop` accepts the mail and hangs up without a reply. `hold` waits for `release`.
    `stall` sends nothing until the client hangs up, and `keep` accepts the mail, then stalls.
    """

    def __init__(self, **options: Any) -> None:
        self.mails: list[Mime] = []
        self.envelopes: list[tuple[str, list[str]]] = []
        self.connections = 0
        self.script: deque[str] = deque()
        self.release = threading.Event()
        self._changed = threading.Condition()
        self._holding = 0
        self.controller = Controller(self, hostname="127.0.0.1", port=free_port(), **options)
        self.port = self.controller.port

    def start(self) -> None:
        self.controller.start()

    def stop(self) -> None:
        self.release.set()
        self.controller.stop(no_assert=True)

    def wait_for(self, count: int) -> list[Mime]:
        """Wait for `count` mails, and return them."""
        with self._changed:
            arrived = self._changed.wait_for(lambda: len(self.mails) >= count, PATIENCE)
        assert arrived, f"{len(self.mails)} of {count} mails came"
        return self.mails

    def wait_until_holding(self, count: int = 1) -> None:
        """Wait until the server has held `count` mails."""
        with self._changed:
            held = self._changed.wait_for(lambda: self._holding >= count, PATIENCE)
        assert held, "no mail came"

    # Methods that aiosmtpd calls

    async def handle_EHLO(  # noqa: N802
        self, server: Any, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        self.connections += not getattr(session, "was_counted", False)
        session.was_counted = True  # type: ignore[attr-defined]
        session.host_name = hostname
        return responses

    async def handle_RCPT(  # noqa: N802
        self, server: Any, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.script and self.script[0].startswith("rcpt "):
            return self.script.popleft().removeprefix("rcpt ")
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802
        self, server: Any, session: Session, envelope: Envelope
    ) -> str:
        act = self.script.popleft() if self.script else ""
        if act.startswith("data "):
            return act.removeprefix("data ")
        if act == "hold":
            self._hold()
            while not self.release.is_set():
                await asyncio.sleep(0.01)
        if act == "stall":
            self._hold()
            await asyncio.Event().wait()
        with self._changed:
            content = envelope.content
            assert isinstance(content, bytes)
            self.mails.append(message_from_bytes(content, policy=policy.default))  # type: ignore[arg-type]
            self.envelopes.append((envelope.mail_from or "", envelope.rcpt_tos))
            self._changed.notify_all()
        if act == "drop":
            server.transport.abort()
        if act == "keep":
            self._hold()
            await asyncio.Event().wait()
        return "250 OK"

    def _hold(self) -> None:
        with self._changed:
            self._holding += 1
            self._changed.notify_all()


def tls_context() -> ssl.SSLContext:
    """Return a TLS context with a self-signed certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    return context


def authenticator(*_arguments: Any) -> AuthResult:
    """Refuse every sign-in."""
    return AuthResult(success=False, handled=False)


class Process:
    """A command of manage.py that runs during the test."""

    def __init__(
        self, environment: dict[str, str], *arguments: str, program: str = "manage.py"
    ) -> None:
        self.lines: list[str] = []
        self._changed = threading.Condition()
        reading, writing = os.pipe()
        self._output = os.fdopen(reading)
        self.process = Program(program, *arguments, env=environment, stdout=writing)
        os.close(writing)
        self.pid = self.process.pid
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self._output:
            with self._changed:
                self.lines.append(line)
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()

    @property
    def output(self) -> str:
        return "".join(self.lines)

    def wait_for_line(self, pattern: str, count: int = 1) -> None:
        """Wait until `count` lines match `pattern`."""
        found = re.compile(pattern)
        with self._changed:
            came = self._changed.wait_for(
                lambda: sum(bool(found.search(line)) for line in self.lines) >= count, PATIENCE
            )
        assert came, f"{pattern!r} did not come in:\n{self.output}"

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def wait(self) -> int:
        """Wait until the command has ended and its output is read, and return the exit code."""
        code = self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        return code

    def end(self) -> None:
        with suppress(ProcessLookupError):  # So that it starts no other child.
            os.kill(self.pid, signal.SIGSTOP)
        for child in self.children():  # The process of a job has left the group.
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.wait()
        self._output.close()

    def children(self) -> list[int]:
        found = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(self.pid)],
            capture_output=True,
            text=True,
            check=False,
        )
        return [int(pid) for pid in found.stdout.split()]
