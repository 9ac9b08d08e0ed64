"""Requests for another host are refused, and links never contain a host that a visitor sent."""

import pytest
from flask import Flask

from app.extensions import db
from app.kit.mail import outbox as outbox_service
from app.kit.mail.email_message import EmailMessage
from app.kit.web.links import external_url
from app.models import User
from tests.routes import APP, RULES
from tests.support import links

EVIL = [
    "evil.example",
    "localhost.evil.example",
    "evil.example:80",
    "localhost:80@evil.example",
    "localhost@evil.example",
    "evil.example/localhost",
    "evil.example#localhost",
    "localhost, evil.example",
    "localhost evil.example",
    "LOCALHOST.evil.example",
    "[::1]",
    "10.0.0.1",
    ".",
    "",
    "localhost:evil",
    "localhost\tevil.example",
    "xn--lcalhost-n4a",
    "ｌocalhost.evil.example",
]
MONITORED = [
    str(rule) for rule in RULES if getattr(APP.view_functions[rule.endpoint], "for_monitors", False)
]


def ask(client, **options):
    token = client.csrf_token("/account/login")
    return client.post(
        "/account/reset-password", data={"email": "ada@example.com", "csrf_token": token}, **options
    )


@pytest.mark.parametrize("host", EVIL)
def test_a_request_for_another_host_is_refused_and_sends_nothing(client, make_user, host):
    """HO-1"""
    make_user(email="ada@example.com")
    host = host.encode().decode("latin-1")
    response = ask(client, environ_overrides={"HTTP_HOST": host})
    assert response.status_code == 400
    assert "evil" not in response.text
    assert "evil" not in str(response.headers)
    assert db.session.query(EmailMessage).count() == 0


@pytest.mark.parametrize("path", ["/", "/account/manage", "/nowhere", "/static/x.css"])
def test_every_page_refuses_another_host(client, make_user, path):
    """HO-1: also for a signed-in user, and for a user that a gate holds back."""
    for browser_user in (None, make_user(), make_user(confirmed=False)):
        if browser_user is not None:
            client.enter(browser_user)
        response = client.get(path, headers={"Host": "evil.example"})
        assert response.status_code == 400


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-Host": "evil.example"},
        {"Forwarded": "host=evil.example"},
        {"X-Host": "evil.example", "X-Original-Host": "evil.example"},
        {"X-Forwarded-Prefix": "//evil.example"},
        {"X-Forwarded-Server": "evil.example", "X-Forwarded-Port": "666"},
        {"X-Original-URL": "http://evil.example/", "X-Rewrite-URL": "//evil.example"},
    ],
)
def test_links_in_mails_come_from_the_configuration(client, make_user, outbox, headers):
    """HO-1"""
    make_user(email="ada@example.com")
    assert ask(client, headers=headers).status_code == 302
    found = links(outbox.last_text())
    assert found
    assert all(f"{link}/".startswith("http://localhost/") for link in found), found


@pytest.mark.parametrize("path", MONITORED)
@pytest.mark.parametrize("host", [*EVIL, "10.1.2.3:8000", "[fd00::1]:8000", "LOCALHOST"])
def test_monitors_may_ask_by_any_host(client, path, host):
    """Load balancers and Kubernetes ask by IP address, and the answer contains no host."""
    host = host.encode().decode("latin-1")
    response = client.get(path, environ_overrides={"HTTP_HOST": host})
    assert response.status_code == 200
    assert "evil" not in response.text + str(response.headers)


@pytest.mark.parametrize(
    "path", ["/healthz/", "//healthz", "/healthz/..", "/HEALTHZ", "/readyz%00"]
)
def test_only_the_two_addresses_of_monitors_take_any_host(client, path):
    assert client.get(path, headers={"Host": "evil.example"}).status_code == 400


def test_a_host_has_no_case(production, app):
    """RFC 9110, section 4.2.3: in the request, in the settings, and compared with an Origin."""
    other = production(
        APP_URL="https://App.Example.com", TRUSTED_HOSTS="WWW.Example.com,.Example.NET"
    ).test_client()
    for host in ("APP.example.COM", "app.example.com:443", "www.EXAMPLE.com", "A.example.net"):
        answer = other.get("/", base_url=f"https://{host}")
        assert answer.status_code == 200, host
    browser = app.test_client()
    token = browser.csrf_token("/account/login")
    for origin, status in (("http://localhost", 200), ("http://evil.example", 403)):
        headers = {"Host": "LocalHost", "Origin": origin}
        sent = {"csrf_token": token, "email": "a@example.com", "password": "x"}
        assert browser.post("/account/login", data=sent, headers=headers).status_code == status


@pytest.mark.parametrize("host", ["localhost", "localhost:5000", "127.0.0.1:5000"])
def test_the_names_of_this_machine_are_good_in_development(client, host):
    assert client.get("/", headers={"Host": host}).status_code == 200


def test_links_of_production_come_from_app_url(production, monkeypatch):
    """HO-1: in the mails of pages and of the worker, for any host of the request."""
    app: Flask = production(APP_URL="https://app.example.com:8443", MAIL_SERVER="mail.example.com")
    app.config["MAIL_TRANSPORT"] = "memory"
    client = app.test_client()
    with app.app_context():
        db.create_all()
        db.session.add(User(email="ada@example.com", confirmed=True, password="x"))
        db.session.commit()
        assert external_url("main.index") == "https://app.example.com:8443/"
    base = {"base_url": "https://app.example.com:8443"}
    page = client.get("/account/reset-password", **base)
    token = page.text.split('name="csrf_token"')[1].split('value="')[1].split('"')[0]
    data = {"email": "ada@example.com", "csrf_token": token}
    refused = client.post("/account/reset-password", data=data, base_url="https://evil.example")
    assert refused.status_code == 400
    assert client.post("/account/reset-password", data=data, **base).status_code == 302
    with app.app_context():
        outbox_service.sweep(include_new=True)
    (mail,) = app.extensions["mail_memory"]
    found = links(mail.get_body(("plain",)).get_content() + mail.get_body(("html",)).get_content())
    assert all(f"{link}/".startswith("https://app.example.com:8443/") for link in found), found


def test_production_answers_to_its_own_name_and_to_those_that_are_trusted(production):
    """HO-1"""
    client = production(TRUSTED_HOSTS="www.example.com, .example.net").test_client()
    expected = {
        "app.example.com": 200,
        "www.example.com": 200,
        "a.example.net": 200,
        "localhost": 400,
        "127.0.0.1": 400,
        "example.com": 400,
        "evilexample.net": 400,
    }
    for host, status in expected.items():
        response = client.get("/", base_url=f"https://{host}")
        assert response.status_code == status, host
