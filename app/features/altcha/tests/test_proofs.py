"""The form to register asks for a solved puzzle, once."""

import base64
import json
import re

import pytest
from redis import RedisError

from app.extensions import limiter
from app.features.altcha import proofs
from app.models import User
from tests.account.test_register import PERSON
from tests.support import Tags

PATH = "/account/register"


@pytest.fixture
def altcha(app, monkeypatch):
    monkeypatch.setitem(app.config, "ALTCHA", True)
    monkeypatch.setitem(app.config, "ALTCHA_NUMBERS", 50)


def solve(page):
    box = next(values for _, values in Tags(page).found if "data-altcha" in values)
    numbers = range(int(box["data-most"]) + 1)
    number = next(n for n in numbers if proofs._hash(box["data-salt"], n) == box["data-challenge"])
    return {
        "algorithm": "SHA-256",
        "number": number,
        **{name: box[f"data-{name}"] for name in ("salt", "challenge", "signature")},
    }


def encode(solution):
    return base64.b64encode(json.dumps(solution).encode()).decode()


def send(client, proof, **fields):
    return client.submit(PATH, PERSON | {"proof": proof} | fields)


def exists(email=PERSON["email"]):
    return User.by_email(email) is not None


def test_a_solved_puzzle_is_good_once(client, app, altcha):
    proof = encode(solve(client.get(PATH).text))
    assert send(client, proof).status_code == 302
    page = send(app.test_client(), proof, email="other@example.com")
    assert proofs.AGAIN in page.text
    assert not exists("other@example.com")


def test_nothing_is_asked_unless_it_is_on(client):
    assert "data-altcha" not in client.get(PATH).text
    assert send(client, "").status_code == 302


CHANGES = {
    "a wrong number": lambda one: one | {"number": one["number"] + 1},
    "a number as a text": lambda one: one | {"number": str(one["number"])},
    "true": lambda one: one | {"number": True},
    "a huge number": lambda one: one | {"number": 10**600},
    "another signature": lambda one: one | {"signature": one["signature"][::-1]},
    "another salt": lambda one: one | {"salt": "9" + one["salt"]},
    "a digit moved from the number to the salt": lambda one: (
        one | {"salt": one["salt"] + "1", "number": 2}
    ),
    "an easy puzzle": lambda one: one | {"challenge": proofs._hash(one["salt"], 0), "number": 0},
    "no salt": lambda one: {key: one[key] for key in one if key != "salt"},
    "a list for a salt": lambda one: one | {"salt": [one["salt"]]},
    "letters of another script": lambda one: one | {"signature": "é"},
}


@pytest.mark.parametrize("kind", CHANGES)
def test_a_forged_solution_is_refused(client, altcha, monkeypatch, kind):
    # Then no change makes the right solution, and the moved digit is the first of the number.
    monkeypatch.setattr(proofs.secrets, "randbelow", lambda _: 12)
    page = send(client, encode(CHANGES[kind](solve(client.get(PATH).text))))
    assert proofs.MISSING in page.text
    assert not exists()


@pytest.mark.parametrize(
    "proof", ["", "x", "é", "bnVsbA==", "W10=", "eyJ9", "[" * 900, "A" * 5000, "\x00"]
)
def test_rubbish_is_refused(app, altcha, proof):
    assert proofs.find_problem(proof) == proofs.MISSING


def test_deep_json_is_refused(app, altcha):
    assert proofs.find_problem(base64.b64encode(b"[" * 700).decode()) == proofs.MISSING


def test_an_old_puzzle_is_refused(client, altcha, monkeypatch):
    monkeypatch.setattr(proofs, "HOUR", -1)
    page = send(client, encode(solve(client.get(PATH).text)))
    assert proofs.AGAIN in page.text


def test_a_mistake_elsewhere_does_not_use_the_puzzle_up(client, altcha):
    proof = encode(solve(client.get(PATH).text))
    page = send(client, proof, email="wrong")
    assert proofs.AGAIN not in page.text
    assert proof not in page.text
    assert send(client, proof).status_code == 302


def test_every_page_has_a_puzzle_of_its_own(client, altcha):
    one, other = (re.search(r'data-challenge="(\w+)"', client.get(PATH).text) for _ in range(2))
    assert one.group(1) != other.group(1)


def test_without_redis_each_process_remembers(client, app, altcha, monkeypatch, caplog):
    class Away:
        def incr(self, *_):
            raise RedisError

    monkeypatch.setattr(limiter, "enabled", True)
    monkeypatch.setattr(limiter, "_storage", Away())
    proof = encode(solve(client.get(PATH).text))
    assert proofs.find_problem(proof) == ""
    assert proofs.find_problem(proof) == proofs.AGAIN
    assert "Redis is away" in caplog.text


def test_visitors_without_javascript_read_why(client, altcha):
    assert re.search("<noscript><p>[^<]*JavaScript", client.get(PATH).text)
