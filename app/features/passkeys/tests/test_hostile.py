"""Answers that no browser sends are refused, and are never an error of the server."""

import copy
import json

import cbor2
import pytest

from app.features.passkeys import services
from app.features.passkeys.tests.authenticator import Authenticator, decoded, encoded
from app.features.passkeys.tests.support import (
    ADD,
    FRESH,
    LOGIN,
    SECOND_STEP,
    give_passkey,
    give_password,
    options,
    send,
)

SHAPES = [
    "{",
    "{}",
    "1",
    "null",
    "[]",
    '"text"',
    "1e400",
    "[" * 19_000,
    '{"id":' * 3_000,
    "\ufeff{}",
    '{"id": "a", "rawId": "a", "type": "public-key", "response": []}',
    '{"id": "a", "rawId": "é", "type": "public-key", "response": {}}',
    '{"id": {}, "rawId": [], "type": "public-key", "response": null}',
]
ODD = [None, 5, [], {}, "", "é", "a", "====", "A" * 10_000, encoded(b"\x00" * 40), True]
BOMBS = [
    b"",
    b"\xff",
    b"\x9b\x7f\xff\xff\xff\xff\xff\xff\xff",  # an array of 2**63 - 1 values
    b"\x5b\x7f\xff\xff\xff\xff\xff\xff\xff",  # as many bytes
    b"\xbb\x7f\xff\xff\xff\xff\xff\xff\xff",  # as many pairs
    b"\x81" * 5_000,  # arrays within arrays
    b"\xc1" * 5_000,  # tags within tags
    cbor2.dumps({}),
    cbor2.dumps([1, 2]),
    cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": b""}),
    cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": b"\xff" * 100}),
    cbor2.dumps({"fmt": 5, "attStmt": [], "authData": 7}),
    cbor2.dumps({"fmt": "tpm", "attStmt": {"ver": "2.0"}, "authData": b"\x00" * 200}),
]


@pytest.fixture
def pages(client, app, make_user):
    """Return a function that returns a browser at a page, its form, and an answer to it."""
    user = make_user()
    passkey = give_passkey(user, is_asked=True)

    def open_page(path):
        browser = app.test_client()
        form_at = path
        if path == LOGIN:
            form_at = "/account/login"
        elif path == SECOND_STEP:
            give_password(browser, user)
        else:
            browser.enter(user)
            form_at = "/account/reauthenticate" if path == FRESH else path
        given = options(browser, path, form_at=form_at).json
        answer = Authenticator().make(given) if path == ADD else passkey.sign(given)
        return browser, form_at, answer

    open_page.user = user
    return open_page


@pytest.mark.parametrize("path", [LOGIN, SECOND_STEP, FRESH, ADD])
def test_an_answer_of_any_shape_is_a_400(pages, path):
    browser, form_at, _answer = pages(path)
    token = browser.csrf_token(form_at)
    for text in SHAPES:
        data = {"csrf_token": token, "credential": text, "name": "Key"}
        assert browser.post(path, data=data).status_code == 400, text[:60]


@pytest.mark.parametrize("path", [LOGIN, SECOND_STEP, FRESH, ADD])
def test_an_answer_with_any_odd_part_is_refused(pages, path):
    browser, form_at, answer = pages(path)
    count = len(services.of_user(pages.user))
    was_in = browser.is_signed_in()
    token = browser.csrf_token(form_at)
    outer = [("id",), ("rawId",), ("type",), ("response",)]
    inner = [("response", name) for name in answer["response"] if name != "transports"]
    for place in outer + inner:
        for value in ODD:
            if place[-1] == "userHandle" and value is None:
                continue  # Only the sign-in page needs it.
            changed = copy.deepcopy(answer)
            target = changed if len(place) == 1 else changed["response"]
            target[place[-1]] = value
            data = {"csrf_token": token, "credential": json.dumps(changed), "name": "Key"}
            response = browser.post(path, data=data)
            assert response.status_code in {200, 302, 400}, (place, value)
            assert browser.is_signed_in() == was_in, (place, value)
    assert len(services.of_user(pages.user)) == count
    if path == ADD:
        sent = send(browser, path, answer, form_at=form_at, name="Key")
        assert sent.status_code == 302


@pytest.mark.parametrize("bomb", BOMBS, ids=range(len(BOMBS)))
def test_an_attestation_of_any_content_is_refused(pages, bomb):
    browser, form_at, answer = pages(ADD)
    answer["response"]["attestationObject"] = encoded(bomb)
    response = send(browser, ADD, answer, form_at=form_at, name="Key")
    assert response.status_code in {200, 400}
    assert len(services.of_user(pages.user)) == 1


@pytest.mark.parametrize("key", BOMBS, ids=range(len(BOMBS)))
def test_a_public_key_of_any_content_is_refused(pages, key, monkeypatch):
    browser, form_at, _answer = pages(ADD)
    monkeypatch.setattr(Authenticator, "public_key", key)
    answer = Authenticator().make(options(browser, ADD).json)
    assert send(browser, ADD, answer, form_at=form_at, name="Key").status_code in {200, 400}
    assert len(services.of_user(pages.user)) == 1


@pytest.mark.parametrize("challenge", ["", "AAAA", "x" * 3_000, encoded("é".encode()), 5, None, {}])
def test_a_challenge_of_any_content_is_refused(pages, challenge):
    browser, form_at, answer = pages(LOGIN)
    client = json.loads(decoded(answer["response"]["clientDataJSON"])) | {"challenge": challenge}
    answer["response"]["clientDataJSON"] = encoded(json.dumps(client).encode())
    assert send(browser, LOGIN, answer, form_at=form_at).status_code in {302, 400}
    assert not browser.is_signed_in()


def test_transports_are_stored_once_each(pages):
    """IN-1: the column is shorter than a list that repeats them."""
    browser, form_at, answer = pages(ADD)
    answer["response"]["transports"] = ["usb", "internal", "new kind", 7, None] * 300
    assert send(browser, ADD, answer, form_at=form_at, name="Key").status_code == 302
    assert services.of_user(pages.user)[-1].transports == "usb,internal"


def test_an_answer_that_is_too_long_is_refused(pages):
    browser, form_at, answer = pages(LOGIN)
    text = json.dumps(answer | {"padding": "x" * 100_000})
    assert send(browser, LOGIN, text, form_at=form_at).status_code == 400
