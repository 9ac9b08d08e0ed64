"""Test a gate on every URL of the app."""

from collections.abc import Callable, Collection
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from app.kit.web import gatekeeper
from app.kit.web.gates import marks_of
from tests.routes import PAGES, UNSAFE, address, methods
from tests.support import Browser


def assert_gate(
    name: str,
    app: Flask,
    *,
    enter: Callable[[], Browser],
    is_refused: Callable[[TestResponse], bool],
    form_at: str,
    json_status: int = 403,
    spares: Collection[str] = (),
) -> None:
    """Check that the gate `name` holds back every view that is not open to it, and no other.

    `enter` returns a browser of a user that the gate holds back. `form_at` is the path of a page
    that this user may open. JSON clients get the status `json_status`. The marks that the gate
    `spares` are listed by hand.
    """
    gate = next(one for one in gatekeeper.in_order() if one.name == name)
    spared = {mark.__name__ for mark in gate.spares} - {"open_to_every_gate"}
    assert spared == set(spares), f"Check what {name!r} spares, then list it: {spared}."
    browser = enter()
    headers = {"X-CSRFToken": browser.csrf_token(form_at)}
    for rule in PAGES:
        is_open = gatekeeper.skips(app, rule.endpoint, gate)
        for method in methods(rule):
            if is_open and method == "HEAD":  # HEAD has no text that identifies the refusal
                continue
            case = f"{rule} {method} is{'' if is_open else ' not'} open to {name!r}"
            response = browser.open(address(rule), method=method, headers=headers)
            assert is_refused(response) is not is_open, f"{case}, but answers {response.status}."
            if is_open and method in UNSAFE:
                browser = enter()  # The request may have signed the user out.
                headers = {"X-CSRFToken": browser.csrf_token(form_at)}
            if is_open or method == "HEAD":
                continue
            for_json = headers | {"Accept": "application/json"}
            refused: Any = browser.open(address(rule), method=method, headers=for_json)
            assert refused.status_code == json_status, f"{case}, but JSON gets {refused.status}."
            assert refused.json["error"], case


def openness(app: Flask, table: str) -> dict[str, str]:
    """Return the marks of each marked view, or the gates that it names in @open_to, by endpoint."""
    found = {
        endpoint: {mark.__name__ for mark in marks_of(view)}
        if table == "MARKS"
        else getattr(view, "open_to", frozenset())
        for endpoint, view in app.view_functions.items()
    }
    return {endpoint: " ".join(sorted(words)) for endpoint, words in found.items() if words}
