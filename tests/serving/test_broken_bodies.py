"""Truncated bodies and invalid chunks, sent byte by byte to a real gunicorn."""

import json
import socket

import pytest

HEAD = (
    b"POST /account/login HTTP/1.1\r\nHost: localhost\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\n"
)
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"

BROKEN = {
    "a size that is no number": CHUNKED + b"zz\r\nabc\r\n0\r\n\r\n",
    "a negative size": CHUNKED + b"-1\r\nabc\r\n0\r\n\r\n",
    "no size": CHUNKED + b"\r\nabc\r\n0\r\n\r\n",
    "a size with a prefix": CHUNKED + b"0x3\r\nabc\r\n0\r\n\r\n",
    "a size with an underscore": CHUNKED + b"1_0\r\nabc\r\n0\r\n\r\n",
    "a line feed in an extension": CHUNKED + b"3;a=\n\r\nabc\r\n0\r\n\r\n",
    "a carriage return in an extension": CHUNKED + b"3;a=\rb\r\nabc\r\n0\r\n\r\n",
    "a chunk that is longer than its size": CHUNKED + b"3\r\nabcdef\r\n0\r\n\r\n",
    "an end that is missing": CHUNKED + b"3\r\nabc\r\n",
    "an end in the middle of a chunk": CHUNKED + b"ff\r\nabc",
    "an end in the middle of a size": CHUNKED + b"f",
    "no body at all": CHUNKED,
    "a trailer that is none": CHUNKED + b"3\r\nabc\r\n0\r\nno colon\r\n\r\n",
    "a trailer without an end": CHUNKED + b"3\r\nabc\r\n0\r\nX: y\r\n",
    "a trailer with a line feed": CHUNKED + b"3\r\nabc\r\n0\r\nX: y\n\r\n\r\n",
    "a size without an end": CHUNKED + b"1" * 20_000,
    "less than its length": HEAD + b"Content-Length: 100\r\n\r\nemail=a%40example.com",
    "a length and no body": HEAD + b"Content-Length: 100\r\n\r\n",
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_body_is_400_and_no_traceback(site, kind):
    """Each was a 500 with a traceback, and a truncated body was taken for a shorter form."""
    logged = len(site.log)
    answer = site.raw(BROKEN[kind])
    head = answer.partition(b"\r\n")[0]
    assert head == b"HTTP/1.1 400 BAD REQUEST", answer[:500]
    assert b"Content-Security-Policy" in answer
    assert b"This form is too old" not in answer  # The app did not read it.
    assert "Traceback" not in site.log[logged:]
    assert site.ask("/healthz").status == 200


def test_bytes_after_a_broken_body_are_not_parsed_as_a_request(site):
    """The start of the next request is unknown, so the connection is closed."""
    answer = site.raw(BROKEN["a size that is no number"] + b"GET / HTTP/1.1\r\nHost: l\r\n\r\n")
    assert answer.count(b"HTTP/1.1 ") == 1


ASK = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
UNREAD = {
    "more than is allowed": HEAD + b"Content-Length: 2000000\r\n\r\n",
    "more chunks than are allowed": CHUNKED + b"100000\r\n" + b"x" * 2**20 + b"\r\n1\r\nx\r\n",
    "a size that is no number": BROKEN["a size that is no number"],
    "a body of a GET": ASK + b"Content-Length: 900000\r\n\r\n",
}


@pytest.mark.parametrize("kind", UNREAD)
def test_an_answer_says_that_the_connection_closes(site, kind):
    """It said keep-alive, so a program lost its next request on the connection."""
    head = site.raw(UNREAD[kind]).partition(b"\r\n\r\n")[0]
    assert b"\r\nConnection: close" in head


def test_a_proxy_that_sends_all_of_a_body_gets_the_answer_too(site):
    """It was reset, so that nginx showed its own page "Not available" to some."""
    with socket.create_connection(("127.0.0.1", site.port), timeout=20) as connection:
        connection.sendall(HEAD + b"Content-Length: 20000000\r\n\r\n")
        answer = connection.recv(100, socket.MSG_PEEK)  # The app has refused it by its length.
        connection.sendall(b"x" * 20_000_000)
        with connection.makefile("rb") as received:
            assert received.read().startswith(answer)
    assert answer.startswith(b"HTTP/1.1 413 ")


def test_after_a_short_body_that_is_not_read_the_connection_stays(site):
    answer = site.raw(ASK + b"Content-Length: 9\r\n\r\n" + b"x" * 9 + ASK + b"\r\n")
    assert answer.count(b"HTTP/1.1 200 ") == 2


def test_a_body_in_chunks_that_are_right_is_read(site):
    answer = site.raw(CHUNKED + b'5;a="b"\r\nemail\r\n2\r\n=x\r\n0\r\nX-Trailer: y\r\n\r\n')
    assert b"This form is too old" in answer  # The app read it, and it has no token.


UNREADABLE = {
    b"GET /api/v1/me\r\n\r\n": 400,
    b"G\0T /api/v1/me HTTP/1.1\r\n\r\n": 400,
    b"GET /api/v1/me HTTP/1.1\r\nHost: l\r\nA b: c\r\n\r\n": 400,
    b"GET /api/v1/me?" + b"x" * 9_000 + b" HTTP/1.1\r\nHost: l\r\n\r\n": 414,
    b"GET /api/v1/me HTTP/1.1\r\nX: " + b"x" * 9_000 + b"\r\n\r\n": 431,
    b"POST / HTTP/1.1\r\nHost: l\r\nTransfer-Encoding: br\r\n\r\n": 501,
}


@pytest.mark.parametrize("request_", UNREADABLE, ids=UNREADABLE.values())
def test_a_request_that_gunicorn_refuses_gets_problem_details(site, request_):
    """It was a page, with the header that could not be read."""
    head, _, body = site.raw(request_).partition(b"\r\n\r\n")
    problem = json.loads(body)
    assert head.startswith(f"HTTP/1.1 {UNREADABLE[request_]} ".encode())
    assert b"Content-Type: application/problem+json" in head
    assert problem["status"] == UNREADABLE[request_]
    assert {"type", "title", "detail", "code", "request_id"} < problem.keys()
    assert "xxx" not in body.decode()
