"""New passwords are looked up in a range, and accepted if the service gives no answer."""

import socket

import pytest
from sqlalchemy import event

from app.extensions import db
from app.features.breached_passwords import breaches
from app.features.breached_passwords.tests.server import RangeService, digest_of, send
from app.kit import outages, passwords
from app.models import User
from app.services import password_reset, users
from tests.serving_threads import serving
from tests.support import PASSWORD, links, path_of

BREACHED = "the horse that everybody knows"
PERSON = {"first_name": "Ada", "last_name": "Lovelace", "email": "ada@example.com"}


@pytest.fixture
def service(app, monkeypatch):
    service = RangeService()
    service.breached = {BREACHED: 42}
    monkeypatch.setitem(app.config, "BREACHED_PASSWORDS_URL", service.url)
    with serving(service.server):
        yield service
        service.released.set()
    app.extensions.pop(outages.OUTAGES, None)


@pytest.fixture
def doors(client, make_user, admin, outbox):
    """Return, by name, functions that set a password by a form."""

    def register(password):
        pair = {"password": password, "password2": password}
        return client.submit("/account/register", {**PERSON, **pair})

    def reset(password):
        make_user(**PERSON)
        client.submit("/account/reset-password", {"email": PERSON["email"]})
        pair = {"new_password": password, "new_password2": password}
        return client.submit(path_of(links(outbox.last_text())[0]), pair)

    def change(password):
        client.enter(make_user(**PERSON))
        pair = {"new_password": password, "new_password2": password}
        return client.submit("/account/manage/change-password", {"old_password": PASSWORD, **pair})

    def create(password):
        client.enter(admin)
        fields = {**PERSON, "role": admin.role_id, "password": password, "password2": password}
        return client.submit("/admin/new-user", fields)

    return {f.__name__: f for f in (register, reset, change, create)}


DOORS = ["register", "reset", "change", "create"]


@pytest.mark.parametrize("door", DOORS)
def test_a_breached_password_is_refused_at_every_door(doors, door, service):
    page = doors[door](BREACHED)
    assert page.status_code == 200
    assert "appeared in a data breach" in page.text
    user = User.by_email(PERSON["email"])
    assert user is None or not user.verify_password(BREACHED)


@pytest.mark.parametrize("door", DOORS)
def test_another_password_is_accepted_at_every_door(doors, door, service):
    assert doors[door]("a horse that nobody knows").status_code == 302
    assert User.by_email(PERSON["email"]).verify_password("a horse that nobody knows")


def test_commands_ask_as_well(service):
    with pytest.raises(passwords.WeakPassword, match="data breach"):
        users.create_administrator(email="root@example.com", password=BREACHED)


@pytest.mark.parametrize("door", DOORS)
def test_no_transaction_is_open_while_the_service_is_asked(doors, door, service):
    """A lock of SQLite would stop every writer for a second."""
    open_transactions = []

    def answer(request):
        open_transactions.append(dict(transactions))
        service.send_range(request)

    transactions: dict[object, int] = {}
    event.listen(db.engine, "begin", lambda conn: transactions.update({conn: 1}))
    event.listen(db.engine, "rollback", lambda conn: transactions.pop(conn, None))
    event.listen(db.engine, "commit", lambda conn: transactions.pop(conn, None))
    service.answer = answer
    doors[door](BREACHED)
    assert open_transactions == [{}]


def test_no_more_than_five_digits_of_the_hash_are_sent(service):
    with pytest.raises(passwords.WeakPassword):
        password_reset.require_strong_password(BREACHED)
    [(path, headers)] = service.requests
    assert path == f"/range/{digest_of(BREACHED)[:5]}"
    assert headers["Add-Padding"] == "true"
    assert digest_of(BREACHED)[5:] not in str(headers)
    assert "Cookie" not in headers


def test_padding_is_no_breach(service):
    service.breached = {BREACHED: 0}
    assert not breaches.is_breached(BREACHED)


def test_an_answer_in_lower_case_is_read(service):
    digest = digest_of(BREACHED).lower()
    service.answer = lambda request: send(request, f"{digest[5:]}:1\n".encode())
    assert breaches.is_breached(BREACHED)


def test_the_strength_meter_and_weak_passwords_ask_nothing(client, service):
    headers = {"X-CSRFToken": client.csrf_token("/account/register")}
    answer = client.post("/account/check-password", json={"password": BREACHED}, headers=headers)
    assert answer.json["acceptable"]
    with pytest.raises(passwords.WeakPassword):
        password_reset.require_strong_password("password")
    assert service.requests == []


def test_nothing_is_asked_without_a_url(app, service, monkeypatch):
    monkeypatch.setitem(app.config, "BREACHED_PASSWORDS_URL", "")
    password_reset.require_strong_password(BREACHED)
    assert service.requests == []


def range_of(password, tail=b""):
    return f"{digest_of(password)[5:]}:42\r\n".encode() + tail


def hang(service, *parts):
    """Return an answer that sends the first parts, and the end only when the test is over."""

    def answer(request):
        for part in parts:
            request.wfile.write(part)
        service.released.wait()

    return answer


BEGINNING = b"HTTP/1.1 200 OK\r\n"
HOSTILE = {
    "silence": hang,
    "half of a header": lambda service: hang(service, BEGINNING + b"X-Slow: "),
    "half of a body": lambda service: hang(
        service, BEGINNING + b"Content-Length: 99\r\n\r\n", range_of(BREACHED)
    ),
    "a huge body": lambda _: (
        lambda request: send(request, range_of(BREACHED, b"0" * 2 * breaches.LONGEST_ANSWER))
    ),
    "many lines": lambda _: (
        lambda request: send(request, range_of(BREACHED) * (breaches.LONGEST_ANSWER // 30))
    ),
    "a redirect": lambda service: (
        lambda request: send(request, range_of(BREACHED), 302, Location=service.url + "elsewhere")
    ),
    "an error": lambda _: lambda request: send(request, range_of(BREACHED), 503),
    "nothing": lambda _: lambda request: send(request, b""),
    "a page": lambda _: lambda request: send(request, b"<!doctype html><h1>Sign in</h1>"),
    "other bytes": lambda _: lambda request: send(request, range_of(BREACHED, b"\xff\x00")),
    "no HTTP": lambda _: lambda request: request.wfile.write(b"\x16\x03\x01 password\r\n\r\n"),
    "many headers": lambda _: lambda request: request.wfile.write(BEGINNING + b"X: y\r\n" * 999),
    "fewer bytes than said": lambda _: (
        lambda request: send(request, range_of(BREACHED), **{"Content-Length": "9999"})
    ),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_password_is_accepted_if_the_service_is_hostile(service, caplog, kind):
    service.answer = HOSTILE[kind](service)
    password_reset.require_strong_password(BREACHED)
    assert "accepted unchecked: 127.0.0.1" in caplog.text
    assert BREACHED not in caplog.text
    assert digest_of(BREACHED)[:5] not in caplog.text
    assert len(service.requests) == 1


def test_a_password_is_accepted_if_nobody_listens(app, service, monkeypatch, caplog):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/"
        monkeypatch.setitem(app.config, "BREACHED_PASSWORDS_URL", url)
        password_reset.require_strong_password(BREACHED)
    assert "ConnectionRefusedError" in caplog.text


def test_a_service_that_failed_is_left_alone_for_a_minute(app, service, caplog):
    service.answer = lambda request: send(request, b"", 500)
    password_reset.require_strong_password(BREACHED)
    service.answer = service.send_range
    password_reset.require_strong_password(BREACHED)
    assert len(service.requests) == 1
    assert "not asked for a minute" in caplog.text
    app.extensions.pop(outages.OUTAGES)
    with pytest.raises(passwords.WeakPassword):
        password_reset.require_strong_password(BREACHED)
