"""Limits by token and by IP address, and the headers about them."""

import re

import pytest

from app.features.api import token_format
from app.features.api.tests.programs import Program, problem_of


@pytest.fixture
def limits(app, monkeypatch):
    def set_them(**amounts):
        for name, amount in amounts.items():
            monkeypatch.setitem(app.config, f"API_LIMIT_BY_{name.upper()}", amount)

    return set_them


def test_the_headers_tell_the_policy_and_what_is_left(app, admin, limits):
    limits(token=3)
    program = Program(app, admin)
    answer = program.get("/me")
    assert answer.headers["RateLimit-Policy"] == '"token";q=3;w=60'
    assert re.fullmatch(r'"token";r=2;t=([1-5]?\d|60)', answer.headers["RateLimit"])
    assert program.get("/me").headers["RateLimit"].startswith('"token";r=1;')


def test_a_token_over_its_limit_waits(app, admin, limits):
    limits(token=2)
    program, other = Program(app, admin), Program(app, admin)
    assert [program.get("/me").status_code for _ in range(2)] == [200, 200]
    answer = program.get("/status")
    assert problem_of(answer) == (429, "too-many-requests")
    assert 0 < int(answer.headers["Retry-After"]) <= 60
    assert answer.headers["RateLimit"].startswith('"token";r=0;')
    assert other.get("/me").status_code == 200


def test_an_ip_address_over_its_limit_waits_with_every_token(app, admin, limits):
    limits(ip=2)
    anyone = Program(app, None)
    for _ in range(2):
        anyone.headers["Authorization"] = f"Bearer {token_format.new_secret()}"
        assert problem_of(anyone.get("/me")) == (401, "unauthorized")
    for program in (anyone, Program(app, admin)):
        answer = program.get("/me")
        assert problem_of(answer) == (429, "too-many-requests")
        assert answer.headers["RateLimit-Policy"] == '"ip";q=2;w=60'


def test_without_a_token_the_headers_tell_of_the_ip_address(app):
    headers = Program(app, None).get("/openapi.json").headers
    assert headers["RateLimit-Policy"] == '"ip";q=1200;w=60'
