"""A gunicorn worker in which slow clients wait for themselves, and hold up nobody else.

gunicorn's own has a thread for each request that runs, from its first byte to the last of the
answer. Two threads are as many as Python's lock is good for, so two slow clients would keep them
all. Here the number of threads bounds the clients, and a turn bounds what runs at a time: nobody
has a turn while they wait for a client. gunicorn.conf.py runs this file by its path.
"""

import errno
import math
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue
from typing import Any

from gunicorn.http import parser
from gunicorn.http.errors import NoMoreData
from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers.gthread import ThreadWorker

CLIENTS = 100  # of one process; Heroku's small dynos allow 256 threads in all
HEAD_SECONDS = 15.0  # for all of a request's head
BODY_SECONDS = 20.0  # for a body, and longer for one that comes at this speed:
BYTES_A_SECOND = 8 * 1024
SEND_SECONDS = 30.0  # for each piece of an answer
GLANCE = 0.25  # for a turn, before it is known what is asked for
# Answered also while all who have a turn wait for the database.
WITHOUT_A_TURN = ("/healthz", "/readyz", "/static/")


class TooSlow(NoMoreData, TimeoutError):
    """A request did not arrive in time. gunicorn closes the connection without a traceback."""

    def __str__(self) -> str:
        return "the request did not arrive in time"


class Turns:
    """What is allowed to run at a time, however many threads there are."""

    def __init__(self, count: int) -> None:
        self._free: SimpleQueue[None] = SimpleQueue()
        self._of_thread = threading.local()
        for _ in range(count):
            self._free.put(None)

    def take(self, patience: float | None = None) -> None:
        """Wait for a turn unless this thread has one; with `patience`, for so many seconds."""
        if not self.has_one():
            try:
                self._free.get(timeout=patience)
            except Empty:
                return
            self._of_thread.has_one = True

    def give_back(self) -> None:
        if self.has_one():
            self._of_thread.has_one = False
            self._free.put(None)

    def has_one(self) -> bool:
        return getattr(self._of_thread, "has_one", False)


class PunctualUnreader(SocketUnreader):
    """Reads from a client with so much patience in all, which a byte now and then does not renew.

    Only the time that is spent waiting for the client counts, not that of a busy machine.
    """

    turns: Turns

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.expect_head()

    def expect_head(self) -> None:
        self._patience, self._speed = HEAD_SECONDS, math.inf

    def expect_body(self) -> None:
        self._patience, self._speed = BODY_SECONDS, BYTES_A_SECOND

    def chunk(self, size_hint: int | None = None) -> bytes:
        self.sock.settimeout(0)
        try:
            data = super().chunk(size_hint)
        except (BlockingIOError, ssl.SSLWantReadError):
            self.turns.give_back()
            data = self._wait(size_hint)
        # Without a turn only when those who have one are held up by the database.
        self.turns.take(GLANCE)
        # From here on for what is sent.
        self.sock.settimeout(SEND_SECONDS)
        self._patience += len(data) / self._speed
        return bytes(data)

    def _wait(self, size_hint: int | None) -> Any:
        if self._patience <= 0:
            raise TooSlow
        self.sock.settimeout(self._patience)
        began = time.monotonic()
        try:
            return super().chunk(size_hint)
        except TimeoutError:
            raise TooSlow from None
        finally:
            self._patience -= time.monotonic() - began


class Worker(ThreadWorker):
    """gunicorn's worker with threads, `threads` of which run the application at a time."""

    def get_thread_pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(CLIENTS)

    def load_wsgi(self) -> None:
        super().load_wsgi()
        application = self.wsgi  # type: ignore[has-type]
        turns = PunctualUnreader.turns = Turns(self.cfg.threads)
        parser.SocketUnreader = PunctualUnreader

        def run(request_environ: dict[str, Any], start_response: Any) -> Any:
            if not request_environ["PATH_INFO"].startswith(WITHOUT_A_TURN):
                turns.take()
            try:
                return application(request_environ, start_response)
            finally:
                # Before the answer is sent, which may take as long as the client likes.
                turns.give_back()

        self.wsgi = run

    def handle(self, connection: Any) -> Any:
        if connection.parser is not None:
            connection.parser.unreader.expect_head()
        try:
            is_kept = super().handle(connection)
        finally:
            PunctualUnreader.turns.give_back()
        if not is_kept:
            # In the main thread, the wait for a client that does not hang up would stop all others.
            connection.close(graceful=True)
            connection.close = lambda graceful=False: None
        return is_kept

    def handle_request(self, request: Any, connection: Any) -> Any:
        connection.parser.unreader.expect_body()
        try:
            return super().handle_request(request, connection)
        except TooSlow:
            raise
        except TimeoutError:
            raise ConnectionResetError(errno.ECONNRESET, "the answer is not read") from None
