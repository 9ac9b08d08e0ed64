"""Provide a gunicorn worker in which slow clients do not block other requests.

gunicorn's own worker occupies a thread for each request, from its first byte to the last byte of
the response. Python's lock makes more than two threads useless, so two slow clients would block
them all. Here the number of threads limits the clients, and a number of turns limits the requests
that run. A thread has no turn while it waits for a client. gunicorn.conf.py runs this file by its
path.

Requests wait for a turn in a line with a limited length. Beyond it they are refused with 503
before they cost anything, so that an answer comes soon or not at all.
"""

import errno
import functools
import inspect
import math
import os
import ssl
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from runpy import run_path
from typing import Any

from gunicorn import sock
from gunicorn.http import parser
from gunicorn.http.errors import NoMoreData
from gunicorn.http.unreader import SocketUnreader
from gunicorn.util import close_graceful, close_on_exec
from gunicorn.workers.gthread import ThreadWorker

MOST_CLIENTS = 100  # per process; Heroku's small dynos allow 256 threads in total
HEAD_SECONDS = 15.0  # for the complete head of a request
BODY_SECONDS = 20.0  # for a body, and longer for a body that arrives at this speed:
BYTES_A_SECOND = 8 * 1024
SEND_SECONDS = 30.0  # for each piece of a response
GLANCE = 0.25  # to wait for a turn, after a wait for a body
MOST_DISCARDED = 64 * 1024  # bytes of an unread body that gunicorn reads before the next request
# A proxy that is reset while it sends a body may never read the answer that refuses it. So bytes
# are thrown away, a few more than the largest import has, for two seconds at most.
MOST_DRAINED = 64 * 1024 * 1024
RETRY_AFTER = "2"  # seconds

# An import would load the application into the parent process.
WaitingLine = run_path(str(Path(__file__).with_name("waiting_line.py")))["WaitingLine"]


# The function of gunicorn, also if `listen_after_loading` has replaced it before a reload.
create_sockets = inspect.unwrap(sock.create_sockets)


@functools.wraps(create_sockets)
def create_none(*_arguments: Any) -> list[Any]:
    return []


def listen_after_loading() -> None:
    """Keep gunicorn from opening the socket of a worker as soon as it is forked.

    PatientWorker would close that one again, and reset the connections that came in meanwhile.
    """
    sock.create_sockets = create_none


class TooSlow(NoMoreData, TimeoutError):
    """A request did not arrive in time. gunicorn closes the connection without a traceback."""

    def __str__(self) -> str:
        return "the request did not arrive in time"


class TurnOfThread(threading.local):
    """The start of the current thread's turn, or 0 without one.

    `spent` has the seconds of the turns that its request had before.
    """

    since = 0.0
    spent = 0.0


class Turns:
    """Limits the number of threads that run the application at a time, and those that wait."""

    def __init__(self, count: int) -> None:
        self.line = WaitingLine(count, MOST_CLIENTS)
        self._own = TurnOfThread()

    def take(self, patience: float = 0.0, *, first: bool = False) -> bool:
        """Take a turn unless this thread has one, after at most `patience` seconds.

        Return whether it has one. `first` goes to the head of the line.
        """
        own = self._own
        if not own.since and self.line.enter(patience, first=first):
            own.since = time.monotonic()
        return own.since > 0

    def give_back(self) -> None:
        own = self._own
        if since := own.since:
            own.since = 0.0
            own.spent += time.monotonic() - since
            self.line.leave()

    def end_request(self, *, has_waited_like_others: bool) -> None:
        """Give the turn back, and note what the request took of it in all.

        A body that arrives in pieces takes many short turns, as a hash does. Each by itself would
        lower the average, and so would requests that never stand in the line, such as for files.
        """
        self.give_back()
        spent, self._own.spent = self._own.spent, 0.0
        if has_waited_like_others:
            self.line.note(spent)


def refuse(_environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Respond to a request beyond the limit. The application has a page in place of this."""
    headers = [("Content-Type", "text/plain"), ("Content-Length", "23")]
    start_response("503 Service Unavailable", [*headers, ("Retry-After", RETRY_AFTER)])
    return [b"Busy. Try again soon.\r\n"]


def is_left(body: Any) -> bool:
    """Tell whether more of a body is unread than gunicorn discards, or where it ends is unknown."""
    reader = body.reader
    is_open = getattr(reader, "parser", None) is not None  # in chunks, which are not at their end
    return body.failed or is_open or getattr(reader, "length", 0) >= MOST_DISCARDED


def tell_of_close(start_response: Callable[..., Any]) -> Callable[..., Any]:
    """Send Connection: close with an answer after which gunicorn closes (RFC 9112, 9.6).

    Without it, a program sends its next request on this connection, and loses it.
    """
    response: Any = start_response.__self__  # type: ignore[attr-defined]

    def start(*arguments: Any) -> Any:
        if is_left(response.req.body):
            response.force_close()
        return start_response(*arguments)

    return start


class PunctualUnreader(SocketUnreader):
    """Reads from a client with a total time limit, which an occasional byte does not extend.

    Only the time spent waiting for the client counts, and not the time of a busy machine.
    """

    turns: Turns

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.expect_head()

    def expect_head(self) -> None:
        self._patience, self._speed, self._glance = HEAD_SECONDS, math.inf, 0.0

    def expect_body(self) -> None:
        self._patience, self._speed, self._glance = BODY_SECONDS, BYTES_A_SECOND, GLANCE

    def chunk(self, size_hint: int | None = None) -> bytes:
        self.sock.settimeout(0)
        try:
            data = super().chunk(size_hint)
        except (BlockingIOError, ssl.SSLWantReadError):
            self.turns.give_back()
            data = self._wait(size_hint)
        # Without a free turn, the thread reads the head without one, because the path decides
        # whether the request has to wait. It also goes on if the database blocks all turns.
        self.turns.take(self._glance, first=True)
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
    """gunicorn's threaded worker, in which only `threads` threads run the application at a time.

    gunicorn.conf.py sets how long a request waits for its turn, the answer to those that may not
    wait, and which paths need no turn. So these respond even while all turns wait
    for the database.
    """

    sockets: list[Any]
    turns: Turns
    patience = 30.0  # seconds
    refuse = staticmethod(refuse)
    skips_line: Callable[[str], bool] = staticmethod(lambda path: path.startswith("/static/"))

    def get_thread_pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(MOST_CLIENTS)

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
        turns = self.turns = PunctualUnreader.turns = Turns(self.cfg.threads)
        parser.SocketUnreader = PunctualUnreader

        def run(request_environ: dict[str, Any], start_response: Any) -> Any:
            start_response = tell_of_close(start_response)
            skips_line = self.skips_line(request_environ["PATH_INFO"])
            if not turns.take() and not skips_line and not turns.take(self.patience):
                return self.refuse(request_environ, start_response)
            try:
                return application(request_environ, start_response)
            finally:
                # The turn ends before the response is sent, which can take long for a slow client.
                turns.end_request(has_waited_like_others=not skips_line)

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
            connection.sock.setblocking(True)
            close_graceful(connection.sock, max_drain=MOST_DRAINED)
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
