"""Refused requests get a whole answer, which no query and no template makes."""

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from sqlalchemy import func, select
from werkzeug.test import EnvironBuilder, run_wsgi_app

from app.extensions import db
from app.kit import passwords
from app.kit.attempts import PasswordGuesses
from app.kit.passwords.hashing_lane import HashingLane
from app.kit.web.serving import slow_clients
from app.kit.web.serving.shedding import Refusals, request_shed, skips_line_in
from app.kit.web.serving.waiting_line import WaitingLine
from tests.support import PASSWORD

HTML = "text/html,application/xhtml+xml,*/*;q=0.8"


@pytest.fixture(scope="module")
def refusals(app):
    return Refusals(app)


def answer(refusals, path="/", accept=HTML, method="GET", **headers):
    environ = EnvironBuilder(
        path, method=method, headers={"Accept": accept, **headers}
    ).get_environ()
    body, status, found = run_wsgi_app(refusals, environ)
    return b"".join(body).decode(), status, found


def test_a_page_has_the_headers_of_pages_and_an_id_of_its_own(refusals, statements):
    shed = []
    note = request_shed.connect(shed.append, weak=False)
    page, status, headers = answer(refusals)
    other, _, other_headers = answer(refusals)
    request_shed.disconnect(note)

    assert status == "503 Service Unavailable"
    assert headers["Retry-After"] == "2"
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert int(headers["Content-Length"]) == len(page.encode())
    assert headers["X-Request-ID"] in page
    assert headers["X-Request-ID"] != other_headers["X-Request-ID"]
    assert "Set-Cookie" not in headers
    for nonce in {found.partition('"')[0] for found in page.split('nonce="')[1:]}:
        assert f"'nonce-{nonce}'" in headers["Content-Security-Policy"]
        assert nonce not in other
    assert len(shed) == 2
    assert not statements


@pytest.mark.parametrize("accept", ["application/json", "*/*", HTML])
def test_nobody_gets_a_page_of_the_api(refusals, app, accept):
    if "api" not in app.blueprints:
        return
    assert answer(refusals, "/api/v1/me", accept)[2]["Content-Type"] == "application/problem+json"
    for path in ("/api/docs", "/api/docs/users"):
        kind = answer(refusals, path, accept)[2]["Content-Type"]
        assert kind.startswith("application/json" if accept == "application/json" else "text/html")


@pytest.mark.parametrize("path", ["/api/v1/users", "/api/v1", "/account/login"])
def test_a_program_gets_json(refusals, app, path):
    text, status, headers = answer(refusals, path, "application/json")
    is_problem = path.startswith("/api") and "api" in app.blueprints
    assert status.startswith("503")
    assert headers["Content-Type"].startswith(
        "application/problem+json" if is_problem else "application/json"
    )
    assert json.loads(text)["request_id"] == headers["X-Request-ID"]


def test_an_answer_to_head_has_no_body(refusals):
    text, _, headers = answer(refusals, method="HEAD")
    assert text == ""
    assert int(headers["Content-Length"]) > 0


def test_monitors_and_files_skip_the_line(app):
    skips = skips_line_in(app)
    for path, is_first in {
        "/healthz": True,
        "/static/app.css": True,
        "/healthzfoo": False,
        "/static": False,
        "/": False,
    }.items():
        assert skips(path) is is_first, path


@contextmanager
def waiting(line, *, first=()):
    """Fill the only place of a line, and then the line. Yield what came, in its order, at last."""
    came = []

    def wait(number):
        assert line.enter(60, first=number in first)
        came.append(number)
        line.leave()

    assert line.enter(0)
    with ThreadPoolExecutor(12) as pool:
        while not line.is_full():
            there = len(line._waiting)
            pool.submit(wait, there)
            while len(line._waiting) == there:
                pass  # The thread has not begun to wait.
        assert not line.enter(60)
        yield came
        line.leave()
    assert line.enter(0)
    line.leave()


def test_places_are_given_in_the_order_of_the_line():
    with waiting(WaitingLine(1, 3), first=[2]) as came:
        pass
    assert came == [2, 0, 1]


@pytest.mark.parametrize(("spent", "length"), [(1.0, 4), (0.06, 6), (0.001, 10)])
def test_a_line_is_shorter_if_places_are_used_for_long(spent, length):
    line = WaitingLine(1, 10, seconds=0.4)
    for _ in range(600):
        assert line.enter(0)
        line.leave()
        line.note(spent)
    with waiting(line) as came:
        pass
    assert len(came) == length


def test_the_pieces_of_a_request_count_as_one_use_of_a_place(monkeypatch):
    """A slow body took many short turns, so an expected wait of 250 ms could be 1.6 s."""
    clock = SimpleNamespace(now=1.0)
    monkeypatch.setattr(slow_clients, "time", SimpleNamespace(monotonic=lambda: clock.now))
    turns = slow_clients.Turns(1)

    def use(seconds, pieces, **how):
        for _ in range(pieces):
            assert turns.take()
            clock.now += seconds / pieces
            turns.give_back()
        turns.end_request(**how)

    for _ in range(600):
        use(0.25, 8, has_waited_like_others=True)
        use(0.001, 1, has_waited_like_others=False)  # such as for a file
    assert turns.line._average == pytest.approx(0.25, rel=0.01)


def test_a_thread_that_loses_patience_leaves_the_line():
    line = WaitingLine(1, 1)
    assert line.enter(0)
    assert not line.enter(0.001)
    line.leave()
    assert line.enter(0)


@pytest.fixture
def full_lane(monkeypatch):
    """Let no password be hashed, as if too many waited."""
    calls = []
    lane = HashingLane(
        slots=1,
        room=0,
        seconds=60,
        give_way=lambda: calls.append("way"),
        come_back=lambda: calls.append("back"),
    )
    monkeypatch.setattr(passwords, "lane", lane)
    return lane, calls


def test_a_hash_gives_up_the_turn_of_its_thread(full_lane):
    lane, calls = full_lane
    hashed = passwords.hash_password(PASSWORD)
    assert passwords.verify(hashed, PASSWORD)
    assert calls == ["way", "back"] * 2
    with pytest.raises(RuntimeError), lane.slot():
        raise RuntimeError
    assert calls == ["way", "back"] * 3
    lane.ensure_room()


@pytest.mark.parametrize("email", ["known", "nobody@example.com"])
def test_a_sign_in_that_is_refused_counts_no_guess(client, make_user, full_lane, email):
    email = make_user().email if email == "known" else email
    lane, calls = full_lane
    with lane.slot():
        calls.clear()
        refused = client.submit("/account/login", {"email": email, "password": PASSWORD})
        assert not calls
    assert refused.status_code == 503
    assert refused.headers["Retry-After"] == "5"
    assert "Too many people sign in at once" in refused.text
    assert db.session.scalar(select(func.count()).select_from(PasswordGuesses)) == 0
