"""Provide a gunicorn worker in which slow clients do not block other requests.

gunicorn's own worker occupies a thread for each request, from its first byte to the last byte of
the response. Python's lock makes more than two threads useless, so two slow clients would block
them all. Here the number of threads limits the clients, and a number of turns limits the requests
that run. A thread has no turn while it waits for a client. gunicorn.conf.py runs this file by its
path.
"""

import errno
import math
import os
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue
from typing import Any

from gunicorn.http import parser
from gunicorn.http.errors import NoMoreData
from gunicorn.http.unreader import SocketUnreader
from gunicorn.sock import create_sockets
from gunicorn.util import close_on_exec
from gunicorn.workers.gthread import ThreadWorker

CLIENTS = 100  # per process; Heroku's small dynos allow 256 threads in total
HEAD_SECONDS = 15.0  # for the complete head of a request
BODY_SECONDS = 20.0  # for a body, and longer for a body that arrives at this speed:
BYTES_A_SECOND = 8 * 1024
SEND_SECONDS = 30.0  # for each piece of a response
GLANCE = 0.25  # to wait for a turn before the path of the request is known
# These paths need no turn, so they respond even while all turns wait for the database.
WITHOUT_A_TURN = ("/healthz", "/readyz", "/static/")


class TooSlow(NoMoreData, TimeoutError):
    """A request did not arrive in time. gunicorn closes the connection without a traceback."""

    def __str__(self) -> str:
        return "the request did not arrive in time"


class Turns:
    """Limits the number of threads that run the application at a time."""

    def __init__(self, count: int) -> None:
        self._free: SimpleQueue[None] = SimpleQueue()
        self._of_thread = threading.local()
        for _ in range(count):
            self._free.put(None)

    def take(self, patience: float | None = None) -> None:
        """Wait for a turn unless this thread has one, for at most `patience` seconds."""
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
    """Reads from a client with a total time limit, which an occasional byte does not extend.

    Only the time spent waiting for the client counts, and not the time of a busy machine.
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
        # The thread continues without a turn if the database blocks all turns.
        self.turns.take(GLANCE)
        # From here on, the timeout applies to sending.
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


class PatientWorker(ThreadWorker):
    """gunicorn's threaded worker, in which only `threads` threads run the application at a time."""

    sockets: list[Any]

    def get_thread_pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(CLIENTS)

    def load_wsgi(self) -> None:
        """Load the application, and only then listen on a socket of its own.

        The kernel would give it connections at once, which would wait until it has loaded.
        """
        for listener in self.sockets if self.cfg.reuse_port else ():
            listener.close()
        super().load_wsgi()
        if self.cfg.reuse_port:
            self.sockets = create_sockets(self.cfg, self.log)
            for listener in self.sockets:
                close_on_exec(listener)
        application = self.wsgi  # type: ignore[has-type]
        turns = PunctualUnreader.turns = Turns(self.cfg.threads)
        parser.SocketUnreader = PunctualUnreader

        def run(request_environ: dict[str, Any], start_response: Any) -> Any:
            if not request_environ["PATH_INFO"].startswith(WITHOUT_A_TURN):
                turns.take()
            try:
                return application(request_environ, start_response)
            finally:
                # The turn ends before the response is sent, which can take long for a slow client.
                turns.give_back()

        self.wsgi = run

    def run(self) -> None:
        """Tell the parent that the worker has loaded, by the size of the file for its heartbeats.

        A reload waits for it (reload_in_turn.py).
        """
        os.ftruncate(self.tmp.fileno(), 1)
        self.notify()  # because ftruncate changed the time of the heartbeat
        super().run()

    def set_accept_enabled(self, enabled: bool) -> None:
        """Start or stop accepting. At its end, a worker empties and closes a socket of its own.

        The kernel would give it more connections while it finishes its requests, and reset them.
        """
        super().set_accept_enabled(enabled)
        if enabled or self.alive or not self.cfg.reuse_port:
            return
        for listener in self.sockets:
            count = -1
            while count < self.nr_conns:
                count = self.nr_conns
                self.accept(listener)
            listener.close()

    def handle(self, connection: Any) -> Any:
        if connection.parser is not None:
            connection.parser.unreader.expect_head()
        try:
            is_kept = super().handle(connection)
        finally:
            PunctualUnreader.turns.give_back()
        if not is_kept:
            # In the main thread, waiting for a client that does not hang up would block all others.
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
