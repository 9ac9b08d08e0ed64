"""A POST with an Idempotency-Key is carried out once."""

from datetime import timedelta
from threading import Thread
from types import SimpleNamespace

import pytest
from flask import request
from sqlalchemy import func, select, update

from app.extensions import db
from app.features.api import api, idempotency
from app.features.api.models import IdempotentAnswer
from app.features.api.tests.programs import Program, problem_of
from app.features.api.tests.support import give_token
from app.features.api.web.access import writes
from app.kit import clean_up
from app.kit.database import now
from app.models import User

KEY = '"8e03978e-40d5-43e8-bc93-6894a57f9324"'


@pytest.fixture
def adder(app, admin, monkeypatch):
    """Return a program, and the bodies with which a POST was carried out.

    The operation is that of signing in, with the access of one that writes.
    """
    calls = []

    def add(**_values):
        calls.append(request.get_json())
        if request.get_json().get("fail"):
            raise RuntimeError("broken")
        status = request.get_json().get("status", 201)
        return {"number": len(calls)}, status, {"Location": "/api/v1/things/1", "X-Other": "x"}

    operation = writes()(api.doc(requestBody={})(add))
    monkeypatch.setitem(app.view_functions, "api.sign_in", operation)
    monkeypatch.setitem(app.config, "PROPAGATE_EXCEPTIONS", False)
    return Program(app, admin), calls


def test_the_first_answer_is_given_again(adder):
    program, calls = adder
    first, again = (program.post("/tokens", {"a": 1}, Idempotency_Key=KEY) for _ in range(2))
    assert calls == [{"a": 1}]
    assert (
        (first.status_code, first.json) == (again.status_code, again.json) == (201, {"number": 1})
    )
    assert again.headers["Location"] == first.headers["Location"]
    assert again.mimetype == first.mimetype
    assert again.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers


def test_the_body_is_stored_encrypted(adder, app, monkeypatch):
    program, calls = adder
    program.post("/tokens", {}, Idempotency_Key=KEY)
    assert b"number" not in db.session.scalars(select(IdempotentAnswer)).one().body
    monkeypatch.setitem(app.config, "SECRET_KEY", "another key of the app 0123456789")
    answer = program.post("/tokens", {}, Idempotency_Key=KEY)
    assert problem_of(answer) == (409, "request-in-progress")
    assert len(calls) == 1


def test_a_key_without_quotes_is_the_same_key(adder):
    program, calls = adder
    for key in (KEY, KEY.strip('"')):
        program.post("/tokens", {}, Idempotency_Key=key)
    assert len(calls) == 1


@pytest.mark.parametrize("key", ['""', " ", '"', "a b", "é", "x" * 256, 'a"b', '"a\\b"'])
def test_a_malformed_key_is_refused(adder, key):
    program, calls = adder
    answer = program.post("/tokens", {}, Idempotency_Key=key)
    assert problem_of(answer) == (400, "invalid-idempotency-key")
    assert not calls


def test_another_request_with_the_key_is_refused(adder):
    program, calls = adder
    program.post("/tokens", {"a": 1}, Idempotency_Key=KEY)
    answer = program.post("/tokens", {"a": 2}, Idempotency_Key=KEY)
    assert problem_of(answer) == (422, "idempotency-key-reused")
    answer = program.post("/tokens?x=1", {"a": 1}, Idempotency_Key=KEY)
    assert problem_of(answer) == (422, "idempotency-key-reused")
    assert calls == [{"a": 1}]


def test_a_request_in_progress_is_not_carried_out_again(adder, app):
    program, calls = adder
    program.post("/tokens", {}, Idempotency_Key=KEY)
    db.session.execute(update(IdempotentAnswer).values(status=None))
    assert problem_of(program.post("/tokens", {}, Idempotency_Key=KEY)) == (
        *(409, "request-in-progress"),
    )
    assert len(calls) == 1


def test_a_repetition_waits_as_long_as_the_first_request_runs(adder):
    """It was told to wait for five minutes, also for a request that ends a moment later."""
    program, _calls = adder
    program.post("/tokens", {}, Idempotency_Key=KEY)
    lease = int(idempotency.LEASE.total_seconds())
    for running, wait in {0: 1, 20: 20, lease - 10: 10}.items():
        begun = now() - timedelta(seconds=running)
        db.session.execute(update(IdempotentAnswer).values(status=None, created_at=begun))
        answer = program.post("/tokens", {}, Idempotency_Key=KEY)
        assert answer.status_code == 409
        assert int(answer.headers["Retry-After"]) == pytest.approx(wait, abs=1)


def test_a_key_without_an_answer_is_free_after_its_lease(adder):
    """The process of the first request died. One of its repetitions is carried out."""
    program, calls = adder
    program.post("/tokens", {}, Idempotency_Key=KEY)
    over = now() - idempotency.LEASE
    db.session.execute(update(IdempotentAnswer).values(status=None, created_at=over))
    other = program.post("/tokens", {"a": 2}, Idempotency_Key=KEY)
    assert problem_of(other) == (422, "idempotency-key-reused")
    answers = [program.post("/tokens", {}, Idempotency_Key=KEY).json for _ in range(2)]
    assert answers == [{"number": 2}] * 2
    assert len(calls) == 2


def test_one_repetition_takes_over(adder, monkeypatch):
    program, calls = adder
    program.post("/tokens", {}, Idempotency_Key=KEY)
    over = now() - idempotency.LEASE
    db.session.execute(update(IdempotentAnswer).values(status=None, created_at=over))
    row = db.session.scalars(select(IdempotentAnswer)).one()
    db.session.commit()
    idempotency._take_over(row)
    with pytest.raises(idempotency.InProgress):
        idempotency._take_over(SimpleNamespace(id=row.id, created_at=over))
    waiting = program.post("/tokens", {}, Idempotency_Key=KEY)
    assert problem_of(waiting) == (409, "request-in-progress")
    assert int(waiting.headers["Retry-After"]) > 0
    assert len(calls) == 1


def test_each_token_has_its_own_keys(adder, app, admin):
    program, calls = adder
    other = Program(app, admin)
    for one in (program, other):
        assert one.post("/tokens", {}, Idempotency_Key=KEY).status_code == 201
    assert len(calls) == 2


def test_an_error_is_given_again_too(adder):
    program, calls = adder
    answers = [program.post("/tokens", {"fail": 1}, Idempotency_Key=KEY) for _ in range(2)]
    assert [one.status_code for one in answers] == [500, 500]
    assert answers[0].json == answers[1].json
    assert len(calls) == 1


@pytest.mark.parametrize("status", [429, 503])
def test_a_request_that_was_not_carried_out_frees_its_key(adder, status):
    program, calls = adder
    for _ in range(2):
        answer = program.post("/tokens", {"status": status}, Idempotency_Key=KEY)
        assert answer.status_code == status
    assert len(calls) == 2


def test_a_key_is_forgotten_after_a_day(adder):
    program, calls = adder
    for _ in range(2):
        program.post("/tokens", {}, Idempotency_Key=KEY)
        passed = update(IdempotentAnswer).values(created_at=now() - timedelta(hours=25))
        db.session.execute(passed)
    assert len(calls) == 2
    clean_up.run()
    assert db.session.scalar(select(func.count(IdempotentAnswer.id))) == 0


def test_other_methods_take_no_key(app, admin):
    Program(app, admin).get("/me", Idempotency_Key=KEY)
    assert db.session.scalar(select(func.count(IdempotentAnswer.id))) == 0


def test_the_index_decides_which_of_two_requests_is_the_first(migrated_app):
    """Both ask at once, in transactions of their own."""
    app = migrated_app
    with app.app_context():
        user = User(email="race@example.com", confirmed=True)
        db.session.add(user)
        token_id = give_token(user).token.id
        db.session.remove()
    results = []

    def ask():
        with app.app_context():
            try:
                results.append(idempotency.begin(token_id, "k", "hash"))
            except idempotency.InProgress:
                results.append("in progress")
            db.session.remove()

    threads = [Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, results)) == ["None", *["in progress"] * 3]
