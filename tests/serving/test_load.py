"""Under load, a web process answers some requests, and refuses the others at once."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from http.client import HTTPConnection

import pytest

from tests.serving.conftest import Answer, Site
from tests.support import module_of

TURNS = 2  # of the threads in gunicorn.conf.py
WAITING = 1
STYLESHEET = re.compile(r'<link rel="stylesheet" href="([^"]+)"')
HELD = "held until the test lets it go"


class Holder:
    """Holds and lets go the requests of held_app.py."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._held: list[socket.socket] = []

    def wait_for(self, count: int) -> None:
        """Wait until so many more requests are held."""
        self._held += [self._listener.accept()[0] for _ in range(count)]

    def let_go(self) -> None:
        while self._held:
            self._held.pop().close()

    def close(self) -> None:
        self.let_go()
        self._listener.close()


@pytest.fixture(scope="module")
def holder() -> Iterator[Holder]:
    holder = Holder()
    yield holder
    holder.close()


@pytest.fixture(scope="module")
def busy_site(
    serve: Callable[..., Site], holder: Holder, tmp_path_factory: pytest.TempPathFactory
) -> Site:
    return serve(
        f"sqlite:///{tmp_path_factory.mktemp('busy') / 'data.sqlite'}",
        "tests.serving.held_app:app",
        TEST_PORT=str(holder.port),
        TEST_PASSWORD=HELD,
        WAITING_REQUESTS=str(WAITING),
        WAITING_HASHES=str(WAITING),
        WAITING_SECONDS="25",
    )


@pytest.fixture
def pool(holder: Holder) -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as pool:
        yield pool
        holder.let_go()


def first_of(asked: list[Future[Answer]]) -> tuple[Answer, list[Future[Answer]]]:
    """Return the first answer, and the requests that have none yet."""
    done, rest = wait(asked, timeout=60, return_when=FIRST_COMPLETED)
    return done.pop().result(), list(rest)


def test_more_than_may_wait_is_refused_and_monitors_and_files_are_answered(
    busy_site: Site, holder: Holder, pool: ThreadPoolExecutor
) -> None:
    kept = HTTPConnection("127.0.0.1", busy_site.port, timeout=60)
    stylesheet = STYLESHEET.search(busy_site.ask("/").text)
    assert stylesheet
    held = [pool.submit(busy_site.ask, "/held") for _ in range(TURNS)]
    holder.wait_for(TURNS)
    asked = [pool.submit(busy_site.ask, "/") for _ in range(WAITING + 1)]
    refused, waiting = first_of(asked)

    assert (refused.status, refused.headers["Retry-After"]) == (503, "2")
    assert "Nothing was saved." in refused.text
    for path in ("/healthz", stylesheet[1]):
        assert busy_site.ask(path).status == 200
    if module_of("health"):
        assert set(json.loads(busy_site.ask("/readyz").text)) >= {"database"}
    assert status(kept, "POST", "/account/login") == 503
    socket_of_kept = kept.sock
    assert not any(one.done() for one in (*held, *waiting))

    holder.let_go()
    assert [one.result().status for one in (*held, *waiting)] == [200] * (TURNS + WAITING)
    assert status(kept, "GET", "/") == 200
    assert kept.sock is socket_of_kept
    kept.close()
    assert busy_site.log.count("A request was refused with 503") == 1


def status(connection: HTTPConnection, method: str, path: str) -> int:
    connection.request(method, path, "a=b" * (method == "POST"), {"Host": "localhost"})
    response = connection.getresponse()
    response.read()
    return response.status


def test_sign_ins_wait_for_each_other_and_other_pages_do_not(
    busy_site: Site, holder: Holder, pool: ThreadPoolExecutor
) -> None:
    busy_site.cookies.clear()
    token = busy_site.csrf_token("/account/login")
    form = {"email": "nobody@example.com", "password": HELD, "csrf_token": token}

    def sign_in(**other: str) -> Answer:
        return busy_site.ask("/account/login", "POST", **(form | other))

    held = pool.submit(sign_in)
    holder.wait_for(1)
    asked = [pool.submit(sign_in, email="admin@example.com") for _ in range(WAITING + 1)]
    refused, waiting = first_of(asked)

    assert (refused.status, refused.headers["Retry-After"]) == (503, "5")
    assert "Too many people sign in at once" in refused.text
    assert "Your form was not processed." in refused.text
    assert busy_site.ask("/").status == 200
    assert not held.done()
    assert not waiting[0].done()

    holder.let_go()
    holder.wait_for(1)
    holder.let_go()
    for one in (held, *waiting):
        assert "The email or the password is wrong." in one.result().text
