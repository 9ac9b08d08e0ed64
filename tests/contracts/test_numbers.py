"""Numbers that exceed a database column are refused in every field, query and cookie.

New forms are tested too: the contract of the audit trail lists their fields.
"""

import ast
import re
from functools import cache

import pytest

from app.kit import features
from tests.contracts.test_imports import sources
from tests.noted import EVERYTHING, noted
from tests.routes import RULES, rows
from tests.trees import nodes_of
from tests.world import World

# tests/test_bodies.py sends every form a number of 21 digits too.
NUMBERS = ["-1", str(2**31), str(2**63)]


@cache
def names_asked_for():
    """Return the names that the code reads from a request."""
    readers = {f"{where}.{how}" for where in ("form", "args") for how in ("get", "getlist")}
    readers |= {"asked_for", "query.get", "values.get", "_cursor", "picked"}
    # Few files read a request, and the others need not be parsed.
    may_be_one = re.compile("|".join(rf"\b{one}".replace(".", r"\s*\.\s*") for one in readers))
    names = set()
    for path in sources():
        if not may_be_one.search(path.read_text(encoding="utf-8")):
            continue
        for node in nodes_of(path):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            name = node.args[0]
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                called = ast.unparse(node.func).removeprefix("request.")
                if called in readers:
                    names.add(name.value)
    return names


LISTS = sorted({rule.rule for rule in RULES if "GET" in rule.methods and not rule.arguments})


def test_numbers_that_requests_parse_are_found():
    of_features = {"user_ids": "bulk", "role": "user_search", "user": "audit", "before": "audit"}
    present = {name for name, feature in of_features.items() if feature in features.names()}
    assert {"session", "page"} | present <= names_asked_for()


@pytest.mark.parametrize("endpoint", sorted(rows("EVENTS")))
def test_no_number_in_a_form_is_an_error(endpoint, app, make_user, admin, monkeypatch, request):
    """IN-1: `session=2147483648` at /account/manage/devices/end was a 500 on PostgreSQL."""
    monkeypatch.setattr("app.extensions.limiter.enabled", False)
    world = World(app, make_user, admin, request)
    asked = noted(app, monkeypatch)
    sent = []

    def submit(browser, path, *, form_at="", **data):
        token = browser.csrf_token(form_at or path)
        cheap = {
            name: value
            for name, value in data.items()
            if "password" not in name and not isinstance(value, tuple)  # a file
        }
        known = names_asked_for() | set(data)
        alone = [{name: number} for name in cheap for number in NUMBERS]
        asked.clear()
        for fields in (*(dict.fromkeys(known, number) for number in NUMBERS), *alone):
            answer = browser.post(path, data={**cheap, **fields, "csrf_token": token})
            assert answer.status_code < 500, (path, fields)
            sent.append(fields)
            if asked <= {"csrf_token"} and answer.status_code != 400:
                break  # A view that reads no field answers every number alike.

    monkeypatch.setattr(world, "send", submit)
    rows("EVENTS")[endpoint][1](world)
    assert sent


@pytest.mark.parametrize("path", LISTS)
def test_no_number_in_an_address_is_an_error(path, app, client, admin, monkeypatch):
    """IN-1: all names at once, and each name that the view asks for by itself."""
    client.enter(admin)
    asked = noted(app, monkeypatch)

    def ask(query):
        answer = client.get(path, query_string=query)
        assert answer.status_code < 500, (path, query)

    ask({})
    for number in NUMBERS:
        client.set_cookie("people_list", f"{number}-role", path="/")
        ask(dict.fromkeys(names_asked_for(), number))
        if number in {str(2**31), str(2**63)}:
            for name in sorted(asked - {EVERYTHING}):
                ask({name: number})
