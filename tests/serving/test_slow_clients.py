"""Clients that send or read slowly, or not at all, do not delay others."""

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection

import pytest

from tests.queue.support import until
from tests.serving.conftest import Site
from tests.serving.test_broken_bodies import CHUNKED, HEAD

MANY = 40  # A process has two threads that run the app.
SLOW = {
    "a head": b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ",
    "a body": HEAD + b"Content-Length: 1000\r\n\r\nemail=",
    "a body in chunks": CHUNKED + b"ff\r\nemail=",
}


@contextmanager
def clients(site: Site, sent: bytes, receive_buffer: int = 0) -> Iterator[list[socket.socket]]:
    """Open many connections that have sent these bytes and continue for any time."""
    with ExitStack() as stack:
        opened = []
        for _ in range(MANY):
            connection = stack.enter_context(socket.socket())
            if receive_buffer:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            connection.connect(("127.0.0.1", site.port))
            connection.sendall(sent)
            opened.append(connection)
        yield opened


@pytest.mark.parametrize("kind", SLOW)
def test_clients_that_send_slowly_stop_nobody(site: Site, kind: str) -> None:
    """F28: two such clients stopped half of the site, and seven all of it."""
    site.cookies.clear()  # set by an earlier test that signed in
    with clients(site, SLOW[kind]) as opened:
        for path in ("/healthz", "/", "/account/login"):
            assert site.ask(path).status == 200
        # The other requests were answered at the same time, not later.
        assert any(is_open(connection) for connection in opened)


def is_open(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return connection.recv(1) != b""
    except BlockingIOError:
        return True


def test_clients_that_read_slowly_stop_nobody(site: Site) -> None:
    """F28: the answers exceed the kernel's buffers, and the clients read nothing."""
    page = b"GET /account/login HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with clients(site, page * 100, receive_buffer=2048):
        # The requests that are sent are too many at first.
        until(lambda: site.ask("/").status == 200, "an answer")


@pytest.mark.slow
def test_a_byte_now_and_then_keeps_no_connection_open(site: Site) -> None:
    """F28: a time limit for each read would start again with each byte."""
    logged = len(site.log)
    with ThreadPoolExecutor() as pool:  # Each takes as long as the time limit of the site.
        head = pool.submit(answer_to_slow_bytes, site, "a head")
        body = pool.submit(answer_to_slow_bytes, site, "a body in chunks")
    assert head.result() == b""
    assert body.result()[:12] == b"HTTP/1.1 408"
    assert "Traceback" not in site.log[logged:]


def answer_to_slow_bytes(site: Site, kind: str) -> bytes:
    """Return the response until the site closes the connection."""
    received = []
    with socket.create_connection(("127.0.0.1", site.port)) as connection:
        connection.sendall(SLOW[kind])

        def is_over() -> bool:
            try:
                connection.sendall(b"x")
                connection.settimeout(0.1)
                received.append(connection.recv(65536))
            except TimeoutError:
                return False
            except ConnectionError:
                return True
            return not received[-1]

        until(is_over, "the end")
    return b"".join(received)


def test_a_body_that_comes_in_pieces_is_read(site: Site) -> None:
    connection = HTTPConnection("127.0.0.1", site.port, timeout=60)
    connection.putrequest("POST", "/account/login", skip_host=True)
    connection.putheader("Host", "localhost")
    connection.putheader("Content-Type", "application/x-www-form-urlencoded")
    connection.putheader("Content-Length", "7")
    connection.endheaders()
    for piece in (b"email", b"=", b"x"):
        assert site.ask("/healthz").status == 200
        connection.send(piece)
    answer = connection.getresponse()
    assert answer.status == 400
    assert b"This form is too old" in answer.read()
    # The connection stays open, with a new time limit.
    connection.request("GET", "/healthz")
    assert connection.getresponse().status == 200
    connection.close()
