"""The public pages: the editable page, error pages, and URLs for platforms."""

import logging

import pytest
from sqlalchemy.exc import OperationalError

from app.extensions import db
from app.kit.web.logs.request_log import RequestFilter
from app.kit.web.restrict import may_open
from tests.support import Tags

# XS-2, XS-3: names and emails


NAMES = [
    '"><img src=x onerror=alert(1)>', "</script><script>alert(1)</script>",
    "' onfocus=alert(1) x='",
    "{{7*7}}{{config}}", "<b>&amp;</b>", "\u202eelgoog", "عبد الله", "🐴👩‍👩‍👧", "O'Brien; DROP",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_a_name_is_shown_as_it_was_typed_and_does_nothing(client, admin, make_user, name, outbox):
    """XS-2, XS-3: on every page that shows it, in attributes, flashes and mails."""
    user = make_user(first_name=name, last_name=name, invited=True)
    member = make_user(first_name=name, last_name=name)
    waiting = make_user(first_name=name, last_name=name, confirmed=False)
    browser = client
    browser.enter(admin)
    base = f"/admin/user/{user.id}"
    shown = [browser.get(path) for path in (
        "/admin/", "/admin/users", "/admin/users?search=" + "x", base, f"{base}/suspend",
        f"{base}/change-name", f"{base}/change-email", f"{base}/change-account-type",
    )]  # fmt: skip
    token = browser.csrf_token("/")
    browser.post(f"/admin/user/{waiting.id}/resend-confirmation", data={"csrf_token": token})
    browser.post(f"/admin/user/{member.id}/send-reset-link", data={"csrf_token": token})
    shown.append(browser.get(base))
    browser.enter(member)
    shown += [browser.get(path) for path in ("/", "/account/manage")]
    for page in shown:
        assert page.status_code == 200
        for tag, attributes in Tags(page.text).found:
            assert tag != "img" or attributes.get("src") != "x"
            assert not any(attribute.startswith("on") for attribute in attributes), attributes
            assert tag != "script" or "nonce" in attributes
        assert "SECRET_KEY" not in page.text
        assert ">49" not in page.text
    confirmation, link = outbox.deliver()
    for mail in (confirmation, link):
        assert all(tag not in {"img", "script"} for tag, _ in
                   Tags(mail.get_body(("html",)).get_content()).found)  # fmt: skip
    assert name in link.get_body(("plain",)).get_content()
    # This email is not confirmed, so the mail does not contain the name.
    assert name not in confirmation.get_body(("plain",)).get_content()


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_entered_values_are_escaped_when_they_are_shown_again(client, name):
    """XS-2: in the fields of a refused form, and in the search of the list."""
    person = {"first_name": name, "last_name": name, "email": name, "password": "short"}
    fields = {
        attributes["name"]: attributes.get("value")
        for tag, attributes in Tags(client.submit("/account/register", person).text).found
        if tag == "input"
    }
    assert fields["first_name"] == fields["last_name"] == fields["email"] == name
    assert fields["password"] in {None, ""}, "what was typed there does not come back"


# Errors


def test_an_error_says_nothing_of_what_went_wrong_inside(client, app, monkeypatch, caplog):
    """CF-2"""
    monkeypatch.setitem(app.config, "PROPAGATE_EXCEPTIONS", False)

    def fail():
        raise RuntimeError("password=hunter2 at /srv/app/secret.py SELECT * FROM users")

    monkeypatch.setitem(app.view_functions, "main.index", fail)
    page = client.get("/")
    assert page.status_code == 500
    for leak in ("hunter2", "/srv/app", "SELECT", "RuntimeError", "Traceback", "werkzeug"):
        assert leak not in page.text
    assert page.headers["X-Request-ID"] in page.text
    assert "hunter2" in caplog.text, "it is logged"


def test_an_error_page_needs_neither_database_nor_session(client, app, monkeypatch, admin):
    """CF-2, F16"""
    monkeypatch.setitem(app.config, "PROPAGATE_EXCEPTIONS", False)

    client.enter(admin)

    def away(*_args, **_kwargs):
        raise OperationalError("SELECT 1", {}, Exception("connection refused to 10.0.0.5"))

    monkeypatch.setattr(db.session, "scalar", away)
    monkeypatch.setattr(db.session, "execute", away)
    monkeypatch.setattr(db.session, "scalars", away)
    page = client.get("/account/manage")
    assert page.status_code == 503
    assert int(page.headers["Retry-After"]) > 0
    assert "10.0.0.5" not in page.text
    assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize(
    ("path", "status"), [("/nowhere", 404), ("/admin/user/1", 401), ("/account/logout", 405)]
)
def test_a_program_gets_json(client, path, status):
    answer = client.get(path, headers={"Accept": "application/json"})
    assert answer.status_code == status
    assert set(answer.json) == {"error", "message", "request_id"}


def test_nobody_chooses_the_id_of_a_request_where_no_proxy_stands_in_front(client):
    good = "0123456789abcdef-proxy"
    assert client.get("/", headers={"X-Request-ID": good}).headers["X-Request-ID"] != good


def test_the_id_of_a_request_comes_from_the_proxy_if_it_is_one(client, app, monkeypatch):
    monkeypatch.setitem(app.config, "TRUSTED_PROXIES", 1)
    good = "0123456789abcdef-proxy"
    assert client.get("/", headers={"X-Request-ID": good}).headers["X-Request-ID"] == good
    for bad in ("x", "a" * 65, "a b c d e f g h", "<script>alert(1)</script>", "é" * 10):
        given = client.get("/", headers={"X-Request-ID": bad}).headers["X-Request-ID"]
        assert given != bad
        assert len(given) == 32


def test_a_stranger_is_not_led_to_pages_that_ask_for_a_sign_in(app):
    with app.test_request_context():
        assert not may_open("account.manage")
        assert not may_open("account.logout")
        assert may_open("main.index")


# Health


def test_the_process_says_that_it_is_alive_whatever_else_is_not(client, monkeypatch):
    """CF-8"""
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json) == (200, {"status": "ok"})


def test_log_lines_are_one_line_each_whatever_someone_is_called():
    """AD-5"""
    record = logging.LogRecord(
        "x", 20, "x", 1, "user %s", ("A\r\nFAKE\x1b[2J\u2028\x85\x00é🐴",), None
    )
    RequestFilter().filter(record)
    message = record.getMessage()
    assert len(message.splitlines()) == 1
    assert "\x1b" not in message
    assert "é🐴" in message


def test_the_colours_of_the_development_server_are_left_out_of_the_log():
    coloured = "\x1b[31m\x1b[1mWARNING\x1b[0m /account/reset-password/\x1b[1mabc.def"
    record = logging.LogRecord("werkzeug", 20, "x", 1, coloured, (), None)
    RequestFilter().filter(record)
    assert record.getMessage() == "WARNING /account/reset-password/***"
