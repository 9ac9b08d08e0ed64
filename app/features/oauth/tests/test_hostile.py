"""Hostile and broken providers, and strangers who send answers of their own."""

import json
import os
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from app.extensions import db
from app.features.oauth import clients, openid, providers, states
from app.features.oauth.microsoft import PRIVATE
from app.features.oauth.models import LinkedAccount
from app.features.oauth.tests.support import (
    ADA,
    TENANT,
    at_github,
    come_back,
    give_account,
    leave,
    query_of,
    said,
    sign_in,
)
from app.kit.database import now
from app.models import User
from tests import processes

CANNOT = "sent an answer that cannot be used"
AWAY = "does not answer at the moment"
STALE = "That took too long, or was begun in another browser."
ANSWER = "/account/sign-in-with/acme/answer"

CLAIMS = {
    "another issuer": {"iss": "https://evil.com"},
    "no issuer": {"iss": None},
    "two issuers": {"iss": ["http://127.0.0.1", "https://evil.com"]},
    "another audience": {"aud": "another client"},
    "no audience": {"aud": None},
    "an audience with a stranger": {"aud": ["the client", "another client"]},
    "another authorized party": {"azp": "another client"},
    "another nonce": {"nonce": "another"},
    "no nonce": {"nonce": None},
    "expired": {"exp": 1_000_000_000},
    "no expiry": {"exp": None},
    "a text as expiry": {"exp": "tomorrow"},
    "from the future": {"iat": 99_999_999_999},
    "not yet valid": {"nbf": 99_999_999_999},
    "no time": {"iat": None},
    "no subject": {"sub": None},
    "an empty subject": {"sub": ""},
    "a number as subject": {"sub": 1234},
    "a long subject": {"sub": "x" * 300},
    "a subject with NUL": {"sub": "1\x002"},
    "half of a letter as subject": {"sub": "\ud800"},
    "another access token": {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"},
    "an object as hash": {"at_hash": {"a": 1}},
    "a text as methods": {"amr": "mfa"},
    "a text as time": {"auth_time": "now"},
    "a list as subject": {"sub": ["1234"]},
    "an object as subject": {"sub": {"1234": 1}},
    "no bounds": {"exp": float("inf"), "iat": float("-inf"), "sub": True},
}
SIGNATURES = ["none", "HS256 by the public key", "HS256 by the secret", "another key"]


@pytest.mark.parametrize("kind", CLAIMS)
def test_an_id_token_with_wrong_claims_opens_nothing(client, server, make_user, kind):
    """IN-1"""
    give_account(make_user(), server)
    server.behave(claims={**ADA, **CLAIMS[kind]})
    assert CANNOT in said(client, sign_in(client, server))
    assert not client.is_signed_in()


@pytest.mark.parametrize("how", SIGNATURES)
def test_an_id_token_with_a_wrong_signature_opens_nothing(client, server, make_user, how, caplog):
    """The description of this provider says that it may sign with HS256, or not at all."""
    give_account(make_user(), server)
    server.behave(sign=how)
    assert CANNOT in said(client, sign_in(client, server))
    assert not client.is_signed_in()
    assert "no sign-in with acme: it sent an" in caplog.text


def test_keys_may_change(client, server, make_user):
    give_account(make_user(), server)
    sign_in(client, server)
    client.submit("/account/logout", form_at="/")
    server.behave(sign="new key")
    sign_in(client, server)
    assert client.is_signed_in()


@pytest.mark.parametrize(
    "token",
    [
        {},
        [],
        "token",
        {"access_token": "x"},
        {"id_token": 1},
        {"id_token": ""},
        {"id_token": "a.b.c", "access_token": "x"},
        {"id_token": "é" * 50},
        {"id_token": "." * 5000},
        {"id_token": "eyJhbGciOiJSUzI1NiJ9.e30.AAAA"},
        {"id_token": "eyJhbGciOjF9.e30.AAAA"},
        {"id_token": "W10.e30.AAAA"},
    ],
    ids=lambda token: str(token)[:40],
)
def test_odd_tokens_open_nothing(client, server, token):
    server.behave(token=token)
    assert CANNOT in said(client, sign_in(client, server))


def test_facts_of_another_subject_are_refused(client, server):
    server.behave(claims={}, **{"/userinfo": {"sub": "another", **ADA}})
    assert CANNOT in said(client, sign_in(client, server))
    assert User.by_email("ada@example.com") is None


def test_an_email_is_verified_by_the_answer_that_has_it(client, server):
    """The token says nothing of the email that only the other answer has."""
    facts = {"sub": "1234", **ADA, "email_verified": False}
    server.behave(claims={"email_verified": True}, **{"/userinfo": facts})
    assert "does not say that your email is verified" in said(client, sign_in(client, server))
    assert User.by_email("ada@example.com") is None
    server.behave(claims={"email_verified": False}, **{"/userinfo": {"sub": "1234", **ADA}})
    assert "You are signed in." in said(client, sign_in(client, server))


# Answers to the browser


@pytest.mark.parametrize(
    ("behaviour", "text"),
    [
        ({"denies": True}, "You did not sign in with Acme."),
        ({"replaces": {"code=": "error=server_error&x="}}, CANNOT),
        ({"replaces": {"code=": "error=login_required&x="}}, "You did not sign in with Acme."),
        ({"replaces": {"code=": "x="}}, CANNOT),
        ({"replaces": {"code=": "code=another&code="}}, CANNOT),
        ({"replaces": {"code=": "code=another%00"}}, CANNOT),
        ({"iss": "https://evil.com"}, CANNOT),
        ({"iss": None}, CANNOT),
    ],
    ids=str,
)
def test_an_answer_that_opens_nothing_gets_a_sentence(client, server, behaviour, text):
    """RFC 9207: without its issuer, or with another, an answer is not taken (mix-up)."""
    server.behave(**behaviour)
    answer = sign_in(client, server)
    assert answer.location == "/account/login"
    assert text in said(client, answer)
    assert count_accounts() == 0


def count_accounts():
    return db.session.scalar(select(func.count()).select_from(LinkedAccount))


def test_an_answer_of_another_provider_is_not_taken(client, server):
    """RFC 9700, section 4.4: each provider sends browsers back to a URL of its own."""
    url = server.approve(leave(client)).removeprefix("http://localhost")
    assert STALE in said(client, client.get(url.replace("/acme/", "/github/")))
    assert server.asked("/login/oauth/access_token") == []


def test_the_state_of_another_browser_is_not_taken(app, client, server, make_user):
    """A stranger could sign a visitor in to the stranger's account."""
    give_account(make_user(), server)
    url = server.approve(leave(app.test_client())).removeprefix("http://localhost")
    assert STALE in said(client, client.get(url))
    leave(client)
    assert STALE in said(client, client.get(url))
    assert not client.is_signed_in()
    assert server.asked("/token") == []


@pytest.mark.parametrize("state", ["", "x", "é", "\x00", "x" * 9000])
def test_an_invented_state_is_not_taken(client, server, state):
    leave(client)
    query = {"state": state, "code": "x", "iss": server.url}
    assert STALE in said(client, client.get(ANSWER, query_string=query))


def test_a_state_works_once(app, client, server, make_user, copy_cookies):
    """TK-8: also with a copy of the cookie from before."""
    give_account(make_user(), server)
    url = server.approve(leave(client)).removeprefix("http://localhost")
    thief = copy_cookies(client)
    client.get(url)
    assert client.is_signed_in()
    assert STALE in said(thief, thief.get(url))
    assert len(server.asked("/token")) == 1


def test_a_state_works_for_ten_minutes(client, server, make_user, monkeypatch):
    give_account(make_user(), server)
    url = leave(client)
    monkeypatch.setattr(states, "now", lambda: now() + timedelta(minutes=10))
    assert STALE in said(client, come_back(client, server, url))
    assert server.asked("/token") == []


def test_a_code_without_its_verifier_is_refused_by_the_provider(app, client, server, monkeypatch):
    """The test's provider checks PKCE, so that the tests prove that it is sent rightly."""
    url = leave(client)
    monkeypatch.setattr(states.Begun, "verifier", "x" * 43)
    assert CANNOT in said(client, come_back(client, server, url))


def test_code_and_state_are_in_no_log(client, server, caplog):
    """TK-7"""
    caplog.set_level("DEBUG")
    url = server.approve(leave(client)).removeprefix("http://localhost")
    response = client.get(url)
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert response.headers["Cache-Control"] == "no-store"
    sent = query_of(url)
    assert sent["code"] not in caplog.text
    assert sent["state"] not in caplog.text


# Servers that are down, slow, or send rubbish

DESCRIPTION, KEYS, TOKEN = "/.well-known/openid-configuration", "/keys", "/token"
BROKEN = {
    "slow": AWAY,
    "huge": AWAY,
    500: AWAY,
    503: AWAY,
    429: AWAY,
    "redirect": CANNOT,
    "deep": CANNOT,
    "page": CANNOT,
    404: CANNOT,
}


@pytest.mark.parametrize("path", [DESCRIPTION, TOKEN, KEYS])
@pytest.mark.parametrize("kind", BROKEN, ids=str)
def test_a_broken_provider_gets_a_sentence(client, server, monkeypatch, kind, path):
    """IN-1: never a 500, and never a page that hangs."""
    monkeypatch.setattr(clients, "SECONDS", 0.5 if kind == "slow" else 20)
    server.behave(at={path: kind})
    if path == DESCRIPTION:
        answer = client.submit(
            "/account/sign-in-with", {"provider": "acme"}, form_at="/account/login"
        )
    else:
        answer = sign_in(client, server)
    assert BROKEN[kind] in said(client, answer)
    assert server.asked("/elsewhere") == [], "no redirect is followed"


@pytest.mark.parametrize(
    "description",
    [
        {"issuer": "https://evil.com"},
        {"issuer": None},
        {"token_endpoint": None},
        {"token_endpoint": "file:///etc/passwd"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"jwks_uri": "http://"},
        {"jwks_uri": "http://[::1"},
        {"userinfo_endpoint": 7},
        {"authorization_endpoint": "http://127.0.0.1/\ud800"},
        {"authorization_endpoint": "http://127.0.0.1/ x"},
    ],
    ids=str,
)
def test_an_odd_description_gets_a_sentence(client, server, description):
    server.behave(description=description)
    answer = client.submit("/account/sign-in-with", {"provider": "acme"}, form_at="/account/login")
    assert CANNOT in said(client, answer)


@pytest.mark.parametrize("keys", [{}, [], {"keys": 1}, {"keys": [1]}, {"keys": [{}]}], ids=str)
def test_odd_keys_get_a_sentence(client, server, keys):
    server.behave(at={KEYS: keys})
    assert CANNOT in said(client, sign_in(client, server))


@pytest.mark.parametrize(
    "key",
    [{"n": "AQAB"}, {"n": "!"}, {"e": 3}, {"kty": "oct", "k": "c2VjcmV0"}, {"use": "enc"}],
    ids=str,
)
def test_an_odd_key_gets_a_sentence(client, server, key):
    server.behave(key=key)
    assert CANNOT in said(client, sign_in(client, server))


EC_KEY = {
    "kty": "EC",
    "crv": "P-256",
    "x": "WKn-ZIGevcwGIyyrzFoZNBdaq9_TsqzGl96oc0CWuis",
    "y": "y77t-RvAHRKTsSGdIYUfweuOvwrvDD-Q3Hv5J0fSKbE",
}


@pytest.mark.parametrize("other", [EC_KEY, {"kty": "EC"}, {"kty": "RSA", "n": "!"}], ids=str)
def test_another_key_of_the_same_name_does_no_harm(client, server, make_user, other):
    """Without a name in the token, each key may be the one."""
    give_account(make_user(), server)
    with server.opener.open(f"{server.url}/keys") as answer:
        known = json.load(answer)["keys"]
    server.behave(at={KEYS: {"keys": [other | {"kid": "first"}, *known]}})
    sign_in(client, server)
    assert client.is_signed_in()


def test_a_provider_that_is_away_is_not_asked_at_once_again(client, server):
    server.behave(at={DESCRIPTION: 503})
    for _ in range(3):
        data = {"provider": "acme"}
        client.submit("/account/sign-in-with", data, form_at="/account/login")
    assert len(server.asked(DESCRIPTION)) == 1


def test_the_description_and_the_keys_are_asked_once(app, server):
    for _ in range(2):
        sign_in(app.test_client(), server)
    assert len(server.asked(DESCRIPTION)) == len(server.asked(KEYS)) == 1
    for kept in app.extensions[openid.KEPT].items():
        app.extensions[openid.KEPT][kept[0]] = (kept[1][0] - openid.KEEP - 1, kept[1][1])
    sign_in(app.test_client(), server)
    assert len(server.asked(DESCRIPTION)) == len(server.asked(KEYS)) == 2


# GitHub


def test_github_names_the_user_and_the_primary_email(client, server):
    server.behave(**at_github())
    sign_in(client, server, "github")
    assert User.by_email("ada@example.com").full_name() == "Ada Lovelace"
    account = db.session.scalars(select(LinkedAccount)).one()
    assert (account.provider, account.subject) == ("github", "583231")


@pytest.mark.parametrize("values", [{"verified": False}, {"verified": 1}, {"primary": False}])
def test_another_email_of_github_opens_nothing(client, server, values):
    server.behave(**at_github(**values))
    assert "does not say that your email is verified" in said(
        client, sign_in(client, server, "github")
    )
    assert count_accounts() == 0


@pytest.mark.parametrize(
    "behaviour",
    [
        {"/user": []},
        {"/user": {"id": "583231"}},
        {"/user": {"id": True}},
        {"/user": {"id": 10**300}},
        {"/user": {}},
        {"token": {"error": "bad_verification_code"}},
        {"token": {"access_token": "a\r\nb"}},
        {"at": {"/user/emails": 500}},
        {"at": {"/user": 401}},
    ],
    ids=str,
)
def test_odd_answers_of_github_get_a_sentence(client, server, behaviour):
    server.behave(**at_github() | behaviour)
    page = said(client, sign_in(client, server, "github"))
    assert CANNOT in page or AWAY in page
    assert count_accounts() == 0


# Microsoft


def at_microsoft(server, **values):
    issuer = f"{server.url}/{TENANT}/v2.0"
    # Microsoft sends no issuer beside the code.
    return {
        "iss": None,
        "claims": {**ADA, "iss": issuer, "tid": TENANT, "email_verified": None, **values},
    }


@pytest.mark.parametrize("vouched", [True, "1", "true", 1])
def test_microsoft_vouches_for_the_domain_of_an_email(client, server, vouched):
    server.behave(**at_microsoft(server, xms_edov=vouched))
    sign_in(client, server, "microsoft")
    assert User.by_email("ada@example.com") is not None
    account = db.session.scalars(select(LinkedAccount)).one()
    assert account.issuer == f"{server.url}/{TENANT}/v2.0"


@pytest.mark.parametrize("claims", [{}, {"xms_edov": False}, {"xms_edov": ["1"]}], ids=str)
def test_any_other_email_of_microsoft_opens_nothing(client, server, make_user, claims):
    """The administrator of a tenant gives its users any email (nOAuth)."""
    make_user(email="ada@example.com")
    server.behave(**at_microsoft(server, email_verified=True, **claims))
    assert "does not say that your email is verified" in said(
        client, sign_in(client, server, "microsoft")
    )
    assert count_accounts() == 0


@pytest.mark.parametrize(
    "claims",
    [
        {"tid": "9188040d-6c67-4c5b-b112-36a304b66dad"},
        {"tid": None},
        {"tid": "common"},
        {"iss": "https://login.microsoftonline.com/{tenantid}/v2.0"},
    ],
    ids=str,
)
def test_the_issuer_and_the_tenant_must_agree(client, server, claims):
    server.behave(**at_microsoft(server, xms_edov=True, **claims))
    assert CANNOT in said(client, sign_in(client, server, "microsoft"))


def test_a_private_account_is_no_account_of_an_organization(app, client, server):
    """The browser can choose another tenant in the URL of the authorization endpoint."""
    known = app.config[providers.PROVIDERS]
    known["microsoft"] = replace(known["microsoft"], issuer=f"{server.url}/organizations/v2.0")
    private = {"iss": f"{server.url}/{PRIVATE}/v2.0", "tid": PRIVATE}
    server.behave(**at_microsoft(server, xms_edov=True, **private))
    assert CANNOT in said(client, sign_in(client, server, "microsoft"))


def test_a_key_of_another_tenant_signs_nothing(client, server):
    other = f"{server.url}/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0"
    server.behave(key={"issuer": other}, **at_microsoft(server, xms_edov=True))
    assert CANNOT in said(client, sign_in(client, server, "microsoft"))


# Races, and an app without providers


def test_authlib_is_not_loaded_at_the_start():
    code = "import sys; from app import create_app; create_app('testing'); print(*sys.modules)"
    found = processes.run("-c", code, env=dict(os.environ)).stdout.split()
    assert "flask" in found
    assert {"authlib", "joserfc"}.isdisjoint(found)


def test_nobody_sends_a_browser_on_without_the_host_of_the_settings(app, client, server):
    app.config["TRUSTED_HOSTS"].append("www.localhost")
    try:
        base = "http://www.localhost"
        token = client.get("/account/login", base_url=base).text
        token = token.split('name="csrf_token"')[1].split('value="')[1].split('"')[0]
        data = {"provider": "acme", "csrf_token": token}
        answer = client.post("/account/sign-in-with", data=data, base_url=base)
        page = client.get(answer.location, base_url=base).text
        assert "Acme sends you back to http://localhost. Open this page there." in page
    finally:
        app.config["TRUSTED_HOSTS"].remove("www.localhost")
