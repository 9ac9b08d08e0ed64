"""Visitors who open the sign-in page and send its form during an update."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.deployment.client import Client

PAGE = "/account/login"
BETWEEN = 0.05  # seconds between two requests of a visitor
BEHIND_TLS = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.1"}
EXPECTED = {"GET": 200, "POST": 400}  # the form has no token


class Seen:
    """The answers of both visitors, and those that were none."""

    def __init__(self) -> None:
        self.answers: list[tuple[str, int | str]] = []

    @property
    def lost(self) -> list[tuple[str, int | str]]:
        assert {method for method, _ in self.answers} == set(EXPECTED)
        return [one for one in self.answers if one[1] != EXPECTED[one[0]]]


def ask(port: int, method: str) -> int | str:
    """Return the status of the answer, or what came in its place."""
    body = b"email=nobody" if method == "POST" else b""
    try:
        return Client(port).send(method, PAGE, body, headers=BEHIND_TLS).status
    except OSError as error:
        return repr(error)


@contextmanager
def visitors(port: int) -> Iterator[Seen]:
    """Let one visitor open the page and another send the form, again and again."""
    seen, is_over = Seen(), threading.Event()

    def visit(method: str) -> None:
        while not is_over.wait(BETWEEN):
            seen.answers.append((method, ask(port, method)))

    threads = [threading.Thread(target=visit, args=[method]) for method in EXPECTED]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        is_over.set()
        for thread in threads:
            thread.join()
