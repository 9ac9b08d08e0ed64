"""Users sign in, register and confirm who they are with a provider."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import event, func, select

from app.extensions import db
from app.features.oauth import openid, providers, states
from app.features.oauth.models import LinkedAccount
from app.features.oauth.tests.support import (
    ADA,
    LOGIN,
    MANAGE,
    at_github,
    come_back,
    give_account,
    leave,
    query_of,
    said,
    sign_in,
)
from app.kit import clean_up
from app.kit.database import now
from app.models import AuditEvent, User
from app.services import register
from tests.support import PASSWORD, needs

FRESH = "/account/reauthenticate"


def newest(action):
    query = select(AuditEvent).where(AuditEvent.action == action).order_by(AuditEvent.id.desc())
    return db.session.scalars(query).first()


def count(model):
    return db.session.scalar(select(func.count()).select_from(model))


def make_stale(user):
    for one in db.session.scalars(user.sessions.select()):
        one.authenticated_at = now() - timedelta(hours=1)
    db.session.commit()


# Registering


def test_a_new_user_registers(client, server, outbox):
    answer = sign_in(client, server)
    assert "You are signed in." in said(client, answer)
    user = User.by_email("ada@example.com")
    assert user.full_name() == "Ada Lovelace"
    assert (user.status, user.password_hash, user.role.default) == ("active", None, True)
    assert newest("user.registered").details["provider"] == "Acme"
    assert newest("session.started").details["way"] == "Acme"
    assert "Your account at Example App was made with your account of Acme" in outbox.last_text()


def test_a_code_goes_to_its_own_browser_alone(client, server):
    """RFC 9700: PKCE, and a state, a nonce and a verifier that nobody guesses."""
    sent = query_of(leave(client))
    assert sent["code_challenge_method"] == "S256"
    assert sent["redirect_uri"] == "http://localhost/account/sign-in-with/acme/answer"
    assert len({sent["state"], sent["nonce"], sent["code_challenge"]}) == 3
    again = query_of(leave(client))
    assert all(sent[name] != again[name] for name in ("state", "nonce", "code_challenge"))
    with client.session_transaction() as session:
        kept = str(dict(session))
    assert sent["nonce"] not in kept
    assert sent["state"] in kept


def test_the_password_can_be_set_by_mail(client, server, outbox):
    sign_in(client, server)
    client.submit("/account/logout", form_at="/")
    client.submit("/account/reset-password", {"email": "ada@example.com"})
    assert "/account/reset-password/" in outbox.last_text()


@pytest.mark.parametrize("mode", ["invite-only", "closed"])
def test_nobody_registers_unless_registration_is_open(client, app, server, monkeypatch, mode):
    monkeypatch.setitem(app.config, "REGISTRATION", mode)
    assert "registration is not open" in said(client, sign_in(client, server))
    assert User.by_email("ada@example.com") is None
    assert newest("linked_account.refused").details["reason"] == "Visitors cannot register"


@needs("email_domains")
def test_the_domain_of_the_email_must_be_allowed(client, app, server, monkeypatch):
    monkeypatch.setitem(app.config, "REFUSED_EMAIL_DOMAINS", ["example.com"])
    assert "not accepted. Use another one." in said(client, sign_in(client, server))
    assert User.by_email("ada@example.com") is None


@needs("approval")
def test_a_registration_waits_for_approval(client, app, server, monkeypatch):
    monkeypatch.setitem(app.config, "APPROVE_REGISTRATIONS", True)
    assert "looks at each new account" in said(client, sign_in(client, server))
    assert client.get("/account/manage").status_code == 302


def test_features_hear_of_a_registration(client, server, monkeypatch):
    heard = []
    monkeypatch.setattr(register, "ON_REGISTRATION", [lambda user: heard.append(user.email)])
    sign_in(client, server)
    assert heard == ["ada@example.com"]


@pytest.mark.parametrize(
    "claims",
    [
        {"email_verified": False},
        {"email_verified": "true"},
        {"email_verified": None},
        {"email": None},
        {"email": "no email"},
        {"email": ["ada@example.com"]},
    ],
    ids=str,
)
def test_an_email_that_is_not_verified_opens_nothing(client, server, claims):
    server.behave(claims={**ADA, **claims}, **{"/userinfo": {"sub": "1234"}})
    assert "does not say that your email is verified" in said(client, sign_in(client, server))
    assert count(User) == 0
    assert not client.is_signed_in()


def test_an_email_that_is_not_verified_tells_nobody_who_has_an_account(app, server, make_user):
    """EN-1: a stranger chooses the email that a provider does not check."""
    make_user(email="ada@example.com")
    pages = []
    for email in ("ada@example.com", "nobody@example.com"):
        server.behave(claims={**ADA, "email": email, "email_verified": False})
        browser = app.test_client()
        answer = sign_in(browser, server)
        pages.append((answer.location, "does not say that your" in said(browser, answer)))
    assert pages == [pages[0]] * 2
    assert pages[0][1]


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({}, "Your email has an account here that is not linked to Acme. Sign in first"),
        ({"invited": True}, "You are invited. Open the link in the invitation first"),
        ({"suspended": True}, "This account is closed. Ask an administrator."),
        ({"deleted_at": now()}, "This account is closed. Ask an administrator."),
    ],
    ids=["active", "invited", "suspended", "deleted"],
)
def test_the_email_of_an_account_does_not_open_it(client, server, make_user, values, text):
    user = make_user(email="ada@example.com", **values)
    assert text in said(client, sign_in(client, server))
    assert not client.is_signed_in()
    assert count(LinkedAccount) == 0
    assert newest("linked_account.refused").subject_id == user.id


def test_after_signing_in_first_the_account_is_linked(client, server, make_user):
    make_user(email="Ada@example.com")
    answer = sign_in(client, server)
    assert answer.location == f"{LOGIN}?next={MANAGE}"
    page = client.submit(answer.location, {"email": "ada@example.com", "password": PASSWORD})
    assert page.location == MANAGE


def test_odd_names_are_left_out(client, server):
    """XS-5"""
    names = {"given_name": "https://evil.com", "family_name": "a\r\nBcc: b@example.com"}
    server.behave(claims={**ADA, **names})
    sign_in(client, server)
    assert User.by_email("ada@example.com").full_name() == ""


def test_the_name_is_split_if_it_comes_in_one(client, server):
    claims = {**ADA, "given_name": None, "family_name": None, "name": "Ada King Lovelace"}
    server.behave(claims=claims)
    sign_in(client, server)
    user = User.by_email("ada@example.com")
    assert (user.first_name, user.last_name) == ("Ada King", "Lovelace")


def test_the_email_may_come_from_userinfo(client, server):
    server.behave(claims={}, **{"/userinfo": {"sub": "1234", **ADA, "amr": ["mfa"]}})
    sign_in(client, server)
    assert User.by_email("ada@example.com").first_name == "Ada"


# Signing in


def test_a_user_comes_back_by_issuer_and_subject_whatever_the_email(client, server, make_user):
    user, other = make_user(), make_user(email="other@example.com")
    account = give_account(user, server)
    server.behave(claims={"email": other.email, "email_verified": True})
    assert "You are signed in." in said(client, sign_in(client, server))
    assert newest("session.started").actor_id == user.id
    assert account.email == other.email
    assert account.last_used_at is not None
    assert user.email != other.email


def test_the_same_subject_of_another_issuer_is_somebody_else(client, server, make_user):
    give_account(make_user(email="first@example.com"), issuer="https://id.example.com")
    sign_in(client, server)
    assert newest("session.started").subject_label == "ada@example.com"


@pytest.mark.parametrize(
    "values", [{"suspended": True}, {"deleted_at": now()}], ids=["suspended", "deleted"]
)
def test_a_closed_account_stays_closed(client, server, make_user, values):
    user = make_user(**values)
    give_account(user, server)
    assert "This account is closed." in said(client, sign_in(client, server))
    assert not client.is_signed_in()
    assert newest("linked_account.refused").subject_id == user.id


def test_the_session_is_new(client, server, make_user):
    """SE-1"""
    give_account(make_user(), server)
    before = client.csrf_token()
    sign_in(client, server)
    data = {"csrf_token": before, "first_name": "A", "last_name": "B"}
    assert client.post("/account/manage/change-name", data=data).status_code == 400


def test_a_required_password_change_comes_first(client, server, make_user):
    user = make_user()
    user.must_change_password = True
    give_account(user, server)
    assert (
        "/account/manage/change-password" in client.get(sign_in(client, server).location).location
    )


@pytest.mark.parametrize(
    ("wanted", "location"),
    [
        ("/account/manage", "/account/manage"),
        ("//evil.com", "/account/"),
        ("https://evil.com", "/account/"),
        ("/\\evil.com", "/account/"),
        ("javascript:alert(1)", "/account/"),
        (f"/{'x' * 2000}", "/account/"),
    ],
    ids=lambda value: value[:20],
)
def test_a_user_arrives_where_they_were_going(client, server, make_user, wanted, location):
    """RE-1"""
    give_account(make_user(), server)
    data = {"provider": "acme", "csrf_token": client.csrf_token()}
    page = client.post("/account/sign-in-with", query_string={"next": wanted}, data=data)
    url = page.text.split("0; url=")[1].split('"')[0].replace("&amp;", "&")
    assert come_back(client, server, url).location == location


def test_another_tab_may_sign_in_meanwhile(client, server, make_user):
    give_account(make_user(), server)
    first, second = leave(client), leave(client)
    come_back(client, server, second)
    assert "too long, or was begun in another browser" in said(
        client, come_back(client, server, first)
    )
    assert client.is_signed_in()


def test_two_tabs_wait_side_by_side(client, server, make_user):
    give_account(make_user(), server)
    first, _second = leave(client), leave(client)
    assert come_back(client, server, first).location == "/account/"


def test_the_cookie_stays_small(client, server):
    """SE-10"""
    for _ in range(6):
        data = {"provider": "acme", "csrf_token": client.csrf_token()}
        query = {"next": "/" + "x" * 900}
        client.post("/account/sign-in-with", query_string=query, data=data)
    assert len(client.get_cookie("session").value) < 3500


def test_no_transaction_is_open_while_a_provider_is_asked(client, server, make_user, monkeypatch):
    """A lock of SQLite would stop every other writer."""
    give_account(make_user(), server)
    open_transactions, seen = {}, []
    event.listen(db.engine, "begin", lambda conn: open_transactions.update({conn: 1}))
    event.listen(db.engine, "rollback", lambda conn: open_transactions.pop(conn, None))
    event.listen(db.engine, "commit", lambda conn: open_transactions.pop(conn, None))
    monkeypatch.setattr(
        "app.features.oauth.clients.fetch",
        lambda *args, **kwargs: (seen.append(dict(open_transactions)), fetch(*args, **kwargs))[1],
    )
    sign_in(client, server)
    assert seen == [{}] * 3
    assert client.is_signed_in()
    client.application.extensions.pop(openid.KEPT)
    come_back(client, server, begin_fresh(client))
    assert seen == [{}] * 6
    assert newest("session.reauthenticated")


def fetch(*args, **kwargs):
    from app.kit import fetching  # the name in `clients` is replaced

    return fetching.fetch(*args, **kwargs)


# The second step


@needs("two_factor")
def test_a_second_step_follows_unless_the_setting_trusts_the_provider(
    app, server, make_user, monkeypatch
):
    from app.features.two_factor.tests.support import enable

    user = make_user()
    enable(user)
    give_account(user, server)
    server.behave(claims={**ADA, "amr": ["pwd", "mfa"]})
    browser = app.test_client()
    assert sign_in(browser, server).location == "/account/second-step"
    assert not browser.is_signed_in()
    assert newest("session.second_step_asked").details["way"] == "Acme"
    monkeypatch.setitem(app.config, "TRUST_PROVIDERS_SECOND_FACTOR", True)
    assert sign_in(app.test_client(), server).location == "/account/"
    server.behave(claims={**ADA, "amr": ["pwd"]})
    assert sign_in(app.test_client(), server).location == "/account/second-step"


@needs("two_factor")
def test_a_code_does_not_make_up_for_a_provider_that_did_not_ask(app, client, server, make_user):
    """SE-8: the phone proves the second factor alone."""
    from app.features.two_factor.tests.support import CODE_PAGE, code, enable

    page = "/account/manage/change-email"
    for subject, ago in (("1", 7200), ("2", 0)):
        give_account(enable(make_user()), server, subject=subject)
        at = int(now().timestamp()) - ago
        server.behave(claims={**ADA, "sub": subject, "auth_time": at})
        browser = app.test_client()
        assert sign_in(browser, server).location == CODE_PAGE
        browser.submit(CODE_PAGE, {"code": code()})
        assert browser.is_signed_in()
        assert (browser.get(page).status_code == 200) is (ago == 0)


# A fresh sign-in


def begin_fresh(browser, provider="acme"):
    path = "/account/reauthenticate/with?next=/account/manage/change-name"
    return leave(browser, provider, path=path, form_at=FRESH)


def test_a_linked_account_makes_the_sign_in_fresh(client, server, make_user):
    """SE-8"""
    user = make_user()
    give_account(user, server)
    client.enter(user)
    make_stale(user)
    url = begin_fresh(client)
    assert query_of(url)["prompt"] == "login"
    assert query_of(url)["max_age"] == "0"
    assert come_back(client, server, url).location == "/account/manage/change-name"
    assert newest("session.reauthenticated").details["way"] == "Acme"
    assert client.get(f"{MANAGE}/link/acme").status_code == 200


@pytest.mark.parametrize("at", [None, -3600])
def test_an_earlier_sign_in_at_the_provider_starts_no_fresh_session(client, server, make_user, at):
    """Else a stranger at the browser signs out, and in again without a question."""
    give_account(make_user(), server)
    at = at and int(now().timestamp()) + at
    server.behave(claims={**ADA, "auth_time": at})
    sign_in(client, server)
    assert client.is_signed_in()
    assert client.get(f"{MANAGE}/link/acme").location.startswith(FRESH)
    server.behave()
    come_back(client, server, begin_fresh(client))
    assert client.get(f"{MANAGE}/link/acme").status_code == 200


def test_a_user_who_must_change_the_password_can_confirm_with_a_provider_first(
    client, server, make_user
):
    """The page for a new password demands it of users with a second step."""
    user = make_user()
    give_account(user, server)
    client.enter(user)
    make_stale(user)
    user.must_change_password = True
    db.session.commit()
    path = "/account/reauthenticate/with?next=/account/manage/change-password"
    url = leave(client, path=path, form_at=FRESH)
    assert come_back(client, server, url).location == "/account/manage/change-password"
    assert newest("session.reauthenticated").details["way"] == "Acme"


def test_an_account_of_somebody_else_does_not(client, server, make_user):
    user = make_user()
    give_account(user, server, subject="mine")
    give_account(make_user(), server, subject="1234")
    client.enter(user)
    make_stale(user)
    assert "is not linked to your account" in said(
        client, come_back(client, server, begin_fresh(client))
    )
    assert client.get(f"{MANAGE}/link/acme").status_code == 302


@pytest.mark.parametrize("is_stated", [True, False])
def test_a_provider_that_did_not_ask_again_is_not_believed(client, server, make_user, is_stated):
    """A stranger at the browser can take `max_age` out of the URL, and with it the answer to it."""
    user = make_user()
    give_account(user, server)
    client.enter(user)
    make_stale(user)
    at = int(now().timestamp()) - 3600
    server.behave(claims={**ADA, "auth_time": at if is_stated else None})
    reason = "did not ask you to sign in again" if is_stated else "does not say when"
    assert reason in said(client, come_back(client, server, begin_fresh(client)))
    assert client.get(f"{MANAGE}/link/acme").status_code == 302


def test_the_page_offers_linked_accounts_alone(client, server, make_user):
    user = make_user()
    client.enter(user)
    assert "Continue with" not in client.get(FRESH).text
    give_account(user, server, provider="microsoft")
    page = client.get(FRESH).text
    assert "Continue with Microsoft" in page
    assert "Continue with Acme" not in page


@pytest.mark.parametrize("has_password", [True, False])
def test_a_provider_that_does_not_ask_again_confirms_only_users_without_another_way(
    client, server, make_user, has_password
):
    """A browser that its user left is often signed in at GitHub or Google for months."""
    user = make_user()
    if not has_password:
        user.password_hash = None
    give_account(user, server, provider="github", subject="583231")
    server.behave(**at_github())
    sign_in(client, server, "github")
    assert client.get(f"{MANAGE}/link/acme").status_code == (302 if has_password else 200)
    assert ("Continue with GitHub" in client.get(FRESH).text) != has_password
    make_stale(user)
    come_back(client, server, begin_fresh(client, "github"))
    assert client.get(f"{MANAGE}/link/acme").status_code == (302 if has_password else 200)


def test_a_provider_that_does_not_say_when_never_confirms(client, server, make_user):
    """OpenID Connect Core 1.0, section 2: max_age makes auth_time required."""
    user = make_user()
    user.password_hash = None
    give_account(user, server)
    sign_in(client, server)
    make_stale(user)
    url = begin_fresh(client)
    assert (query_of(url)["prompt"], query_of(url)["max_age"]) == ("login", "0")
    server.behave(claims={**ADA, "auth_time": None})
    page = said(client, come_back(client, server, url))
    assert "does not say when you signed in there" in page
    assert "Forgot your password?" in page
    assert client.get(f"{MANAGE}/link/acme").status_code == 302


@pytest.mark.parametrize("is_stated", [True, False])
def test_google_makes_a_sign_in_fresh_if_it_says_when(
    app, client, server, make_user, monkeypatch, is_stated
):
    """Apps that Google has verified can switch the claim on."""
    known = app.config[providers.PROVIDERS]
    google = replace(known["acme"], name="google")
    monkeypatch.setitem(app.config, providers.PROVIDERS, {**known, "google": google})
    give_account(make_user(), server, provider="google")
    if not is_stated:
        server.behave(claims={**ADA, "auth_time": None})
    sign_in(client, server, "google")
    assert client.get(f"{MANAGE}/link/acme").status_code == (200 if is_stated else 302)


@pytest.mark.parametrize("is_kept", [True, False])
def test_the_box_of_the_page_keeps_users_signed_in(client, server, make_user, is_kept):
    give_account(make_user(), server)
    button = re.search(r"<button[^>]+>Continue with Acme", client.get(LOGIN).text)[0]
    assert 'form="sign-in"' in button
    assert "formnovalidate" in button
    box = {"remember_me": "y"} if is_kept else {}
    answer = come_back(client, server, leave(client, email="", password="", **box))
    cookies = answer.headers.getlist("Set-Cookie")
    assert any(one.startswith("remember_token=") for one in cookies) is is_kept


def test_the_page_to_register_has_the_buttons(app, client, server, monkeypatch):
    page = "/account/register"
    come_back(client, server, leave(client, form_at=page))
    assert User.by_email("ada@example.com").status == "active"
    other = app.test_client()
    assert "Continue with Acme" in other.get(page).text
    monkeypatch.setitem(app.config, providers.PROVIDERS, {})
    assert "Continue with Acme" not in other.get(page).text


def test_refusals_write_one_event_in_a_quarter_of_an_hour(client, server):
    server.behave(claims={**ADA, "email_verified": False})
    for _ in range(3):
        sign_in(client, server)
    refused = select(func.count()).where(AuditEvent.action == "linked_account.refused")
    assert db.session.scalar(refused) == 1


# Off


def test_nothing_shows_without_a_provider(app, client, make_user, monkeypatch):
    monkeypatch.setitem(app.config, providers.PROVIDERS, {})
    assert "Continue with" not in client.get(LOGIN).text
    client.enter(make_user())
    assert "inked accounts" not in client.get("/account/manage").text


@pytest.mark.parametrize("name", ["google", "nobody", ""])
def test_an_unknown_provider_is_not_found(client, server, name):
    answer = client.submit("/account/sign-in-with", {"provider": name}, form_at=LOGIN)
    assert answer.status_code == 404


def test_used_states_are_deleted(client, server, make_user):
    sign_in(client, server)
    assert clean_up.run()["used states of sign-ins with providers"] == 0
    db.session.scalars(select(states.UsedState)).one().expires_at = now() - timedelta(1)
    db.session.commit()
    assert clean_up.run()["used states of sign-ins with providers"] == 1
