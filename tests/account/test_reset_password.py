"""Reset a forgotten password."""

import time

import pytest
from sqlalchemy import select

from app.extensions import db
from app.kit import queue
from app.kit.mail.email_message import EmailMessage
from tests.support import PASSWORD, TOKEN, links, path_of

PATH = "/account/reset-password"
NEW = "xK3#vQ9!mZ2p"


def ask(client, email):
    return client.submit(PATH, {"email": email})


def test_a_person_gets_back_in(client, make_user, outbox):
    user = make_user()
    ask(client, user.email)
    link = path_of(links(outbox.last_text())[0])
    client.submit(link, {"new_password": NEW, "new_password2": NEW})
    client.sign_in(user.email, NEW)
    assert client.is_signed_in()
    told = outbox.deliver()[-1]
    assert told["To"] == user.email
    assert "changed" in told["Subject"]


def test_a_reset_link_confirms_the_address_too(client, make_user, outbox):
    user = make_user(confirmed=False)
    ask(client, user.email)
    client.submit(
        path_of(links(outbox.last_text())[0]), {"new_password": NEW, "new_password2": NEW}
    )
    assert user.confirmed


@pytest.mark.parametrize("redis", ["up", "down"])
def test_known_and_unknown_addresses_get_the_same_answer(app, make_user, monkeypatch, redis):
    """EN-3: status, URL, headers and text are the same, even if the queue is away."""
    if redis == "down":
        monkeypatch.setitem(app.extensions, "queue", app.extensions["queue"])
        monkeypatch.setitem(app.config, "REDIS_URL", "redis://127.0.0.1:1/0")
        queue.init_app(app)
    emails = [
        make_user(email="known@example.com").email,
        "nobody@example.com",
        make_user(email="invited@example.com", invited=True).email,
        make_user(email="suspended@example.com", suspended=True).email,
        make_user(email="waiting@example.com", confirmed=False).email,
    ]
    answers = []
    client = app.test_client()
    for email in emails:
        sent = ask(client, email)
        shown = client.get(sent.location)
        text = TOKEN.sub("", shown.text).replace(email, "")
        headers = {k: v for k, v in shown.headers if k in {"Cache-Control", "Vary", "Content-Type"}}
        nonce = shown.headers["Content-Security-Policy"].split("'nonce-")[1].split("'")[0]
        answers.append((sent.status_code, sent.location, headers, text.replace(nonce, "")))
    assert all(answer == answers[0] for answer in answers)


def test_known_and_unknown_addresses_cause_the_same_work(client, make_user):
    """EN-3: both cases write a row, and the worker checks whether the email is known."""
    for email in (make_user().email, "nobody@example.com"):
        ask(client, email)
    rows = db.session.scalars(select(EmailMessage)).all()
    assert [(row.message, row.user_id, row.context) for row in rows] == [
        ("reset_password", None, {})
    ] * 2


@pytest.mark.timing
def test_known_and_unknown_addresses_take_the_same_time(client, make_user):
    """EN-3"""
    known = make_user().email
    times = {known: [], "nobody@example.com": []}
    token = client.csrf_token(PATH)
    for _ in range(15):
        for email, taken in times.items():
            started = time.perf_counter()
            client.post(PATH, data={"email": email, "csrf_token": token})
            taken.append(time.perf_counter() - started)
    best, other = (min(taken) for taken in times.values())
    assert 0.5 < best / other < 2


@pytest.mark.parametrize("kind", ["unknown", "suspended"])
def test_nothing_is_sent_to_those_who_cannot_use_it(client, make_user, outbox, kind):
    email = make_user(suspended=True).email if kind == "suspended" else "nobody@example.com"
    ask(client, email)
    assert outbox.deliver() == []


def test_fifty_requests_get_equal_answers_and_send_five_mails(app, make_user):
    """BF-2"""
    user = make_user()
    answers = set()
    client = app.test_client()
    token = client.csrf_token(PATH)
    for number in range(50):
        response = client.post(
            PATH,
            data={"email": user.email, "csrf_token": token},
            environ_overrides={"REMOTE_ADDR": f"192.0.2.{number}"},
        )
        answers.add((response.status_code, response.location))
    assert answers == {(302, "/account/login")}
    assert db.session.query(EmailMessage).count() == 5


def test_one_visitor_cannot_have_mail_sent_to_any_number_of_people(client):
    """BF-2"""
    token = client.csrf_token(PATH)
    statuses = [
        client.post(PATH, data={"email": f"a{n}@example.com", "csrf_token": token}).status_code
        for n in range(102)
    ]
    assert statuses[:100] == [302] * 100
    assert statuses[-1] == 429


def test_a_stranger_who_asks_does_not_lock_the_owner_out(client, make_user):
    """BF-1: the present password keeps working."""
    user = make_user()
    for _ in range(6):
        ask(client, user.email)
    client.sign_in(user.email, PASSWORD)


def test_mails_go_to_the_stored_address_and_not_to_what_was_typed(client, make_user, outbox):
    """IN-4"""
    make_user(email="mike@example.com")
    ask(client, "MIKE@EXAMPLE.COM")
    ask(client, "mıke@example.com")
    assert [mail["To"] for mail in outbox.deliver()] == ["mike@example.com"]
