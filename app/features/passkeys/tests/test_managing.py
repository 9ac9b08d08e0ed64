"""Adding, renaming and removing passkeys, and resetting those of another user."""

from datetime import timedelta

import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from sqlalchemy import select, true

from app.extensions import db
from app.features.passkeys import services
from app.features.passkeys.account.managing import FULL
from app.features.passkeys.browser import NOT_SENT, NOT_VERIFIED
from app.features.passkeys.models import Passkey, PasskeyOwner
from app.features.passkeys.places import Place
from app.features.passkeys.services import NoPasskeys
from app.features.passkeys.tests.authenticator import DOMAIN, ORIGIN, PRESENT, Authenticator
from app.features.passkeys.tests.support import (
    ADD,
    FRESH,
    MANAGE,
    give_passkey,
    give_password,
    options,
    send,
    sign_in,
)
from app.kit import slots
from app.kit.database import now
from app.kit.mail.email_message import EmailMessage
from app.kit.slots import LastSignInMethod
from app.models import AuditEvent, User, UserSession
from app.services import email_change, policy, sessions
from app.services.own_account import NotWhileImpersonating
from app.services.policy import InsufficientPrivileges, NotOnSelf
from app.services.sign_in import WrongPassword, check_own_password
from tests.support import PASSWORD


@pytest.fixture
def user(make_user):
    return make_user()


@pytest.fixture
def browser(client, user):
    client.enter(user)
    return client


def add(browser, authenticator=None, *, name="Phone", **values):
    made = authenticator or Authenticator()
    return send(browser, ADD, made.make(options(browser, ADD).json, **values), name=name)


def changes():
    ours = EmailMessage.message == "passkeys_changed"
    rows = db.session.scalars(select(EmailMessage).where(ours).order_by(EmailMessage.id))
    return [(row.context["change"], row.context["name_of_passkey"]) for row in rows]


def actions():
    found = db.session.scalars(select(AuditEvent.action).order_by(AuditEvent.id))
    return [one for one in found if one.startswith("passkey.")]


def test_a_user_adds_a_passkey_and_signs_in_with_it(app, browser, user):
    phone = Authenticator()
    token = user.session_token
    assert add(browser, phone).location == MANAGE
    assert user.session_token == token
    page = browser.get(MANAGE).text
    assert "The passkey “Phone” is added." in page
    assert "not used yet" in page
    (row,) = services.of_user(user)
    assert (row.sign_count, row.transports) == (0, "internal,hybrid")
    assert row.is_backup_eligible
    assert row.is_backed_up
    assert (actions(), changes()) == (["passkey.added"], [("added", "Phone")])
    other = app.test_client()
    assert sign_in(other, phone).location == "/account/"
    assert "not used yet" not in browser.get(MANAGE).text


@pytest.mark.parametrize(
    "key",
    [
        ed25519.Ed25519PrivateKey.generate(),
        rsa.generate_private_key(public_exponent=65537, key_size=2048),
    ],
    ids=["EdDSA", "RS256"],
)
def test_other_kinds_of_keys_work(app, browser, key):
    phone = Authenticator(key=key)
    add(browser, phone)
    assert sign_in(app.test_client(), phone).location == "/account/"


def test_the_options_tell_authenticators_nothing_about_the_user(browser, user):
    give_passkey(user)
    given = options(browser, ADD).json
    owner = db.session.get(PasskeyOwner, user.id)
    assert given["user"]["name"] == user.email
    assert len(owner.handle) == 32
    assert given["rp"]["id"] == "localhost"
    assert given["attestation"] == "none"
    chosen = given["authenticatorSelection"]
    assert (chosen["residentKey"], chosen["userVerification"]) == ("required", "required")
    assert len(given["excludeCredentials"]) == 1
    again = options(browser, ADD).json
    assert again["user"]["id"] == given["user"]["id"]
    assert again["challenge"] != given["challenge"]


def test_adding_takes_a_fresh_sign_in(client, user):
    with time_machine.travel(now() - timedelta(hours=2)):
        client.enter(user)
    assert "/account/reauthenticate" in client.get(ADD).location
    assert options(client, ADD, form_at="/account/reauthenticate").status_code == 403
    passkey = give_passkey(user) and services.of_user(user)[0]
    assert "/account/reauthenticate" in client.get(f"{MANAGE}/{passkey.id}/remove").location


def test_a_new_passkey_renews_the_session(browser, user):
    with browser.session_transaction() as session:
        before = session["_user_id"]
    add(browser)
    with browser.session_transaction() as session:
        assert session["_user_id"] != before


@pytest.mark.parametrize(
    "wrong",
    [
        {"origin": "http://evil.example"},
        {"domain": "evil.example"},
        {"origin": "https://localhost"},
    ],
)
def test_a_passkey_for_another_site_is_refused(browser, user, wrong):
    assert NOT_VERIFIED in add(browser, **wrong).text
    assert not services.has_any(user)


def test_a_passkey_needs_an_authenticator_that_verifies_its_user(browser, user):
    assert NOT_VERIFIED in add(browser, Authenticator(flags=PRESENT)).text
    assert not services.has_any(user)


def test_a_challenge_makes_one_passkey(browser, user):
    given = options(browser, ADD).json
    assert send(browser, ADD, Authenticator().make(given), name="One").location == MANAGE
    answer = Authenticator().make(given)
    assert NOT_VERIFIED in send(browser, ADD, answer, name="Two").text
    assert len(services.of_user(user)) == 1


def test_the_challenge_of_another_user_is_refused(app, browser, user, make_user):
    other = app.test_client()
    other.enter(make_user())
    answer = Authenticator().make(options(other, ADD).json)
    assert NOT_VERIFIED in send(browser, ADD, answer, name="Theirs").text


def test_a_passkey_belongs_to_one_account(browser, user, make_user):
    phone = give_passkey(make_user())
    assert "belongs to an account already" in add(browser, phone).text
    assert not services.has_any(user)


def test_the_number_of_passkeys_is_limited(browser, user, monkeypatch):
    monkeypatch.setattr(services, "MOST", 1)
    give_passkey(user)
    assert FULL in add(browser).text.replace("&#39;", "'")
    assert len(services.of_user(user)) == 1


def test_a_form_without_a_passkey_says_so(browser):
    assert NOT_SENT in browser.submit(ADD, {"name": "Phone"}).text


def test_a_passkey_needs_a_name(browser, user):
    assert "Enter a name." in add(browser, name=" ").text
    assert not services.has_any(user)


def test_the_name_is_proposed_by_the_browser(browser):
    page = browser.get(ADD, headers={"User-Agent": "Mozilla/5.0 (X11; Linux) Firefox/140.0"}).text
    assert 'value="Firefox on Linux"' in page


def test_a_passkey_is_renamed(browser, user):
    give_passkey(user)
    passkey = services.of_user(user)[0]
    browser.submit(f"{MANAGE}/{passkey.id}", {"name": "Blue key"})
    assert services.of_user(user)[0].name == "Blue key"
    assert actions() == ["passkey.renamed"]


def test_a_removal_ends_other_sessions_and_the_second_step(app, browser, user):
    phone = give_passkey(user, is_asked=True)
    other = app.test_client()
    other.enter(user)
    passkey = services.of_user(user)[0]
    page = f"{MANAGE}/{passkey.id}/remove"
    assert browser.submit(page).location == MANAGE
    assert not services.has_any(user)
    assert browser.is_signed_in()
    assert not other.is_signed_in()
    assert (actions(), changes()) == (["passkey.removed"], [("removed", "Key")])
    give_password(other, user)
    assert other.is_signed_in()
    db.session.refresh(db.session.get(PasskeyOwner, user.id))
    give_passkey(user, phone)
    assert not services.is_asked_after_password(user)


def test_the_last_way_in_stays(browser, user, only_sign_in_methods):
    only_sign_in_methods(services.METHOD)
    give_passkey(user)
    user.password_hash = None
    db.session.commit()
    page = f"{MANAGE}/{services.of_user(user)[0].id}/remove"
    assert browser.submit(page).location == MANAGE
    assert "your only way to sign in" in browser.get(MANAGE).text
    assert services.has_any(user)
    give_passkey(user, name="Second")
    browser.submit(page)
    assert [one.name for one in services.of_user(user)] == ["Second"]


def without_password(browser, user, *, is_stale=False):
    """Return the passkey of a user who has no password."""
    passkey = give_passkey(user)
    user.password_hash = None
    if is_stale:
        session = db.session.scalars(select(UserSession)).one()
        session.authenticated_at = now() - timedelta(hours=1)
    db.session.commit()
    return passkey


@pytest.mark.parametrize("page", ["change-email", "change-password"])
def test_a_passkey_is_enough_where_others_give_the_password(page, browser, user):
    passkey = without_password(browser, user, is_stale=True)
    page = f"/account/manage/{page}"
    again = browser.get(page).location
    shown = browser.get(again).text
    assert "You have no password" in shown
    assert "Use a passkey" in shown
    assert 'name="password"' not in shown
    given = options(browser, FRESH, form_at=again).json
    assert (
        send(browser, f"{FRESH}?next={page}", passkey.sign(given), form_at=again).location == page
    )
    assert 'autocomplete="current-password"' not in browser.get(page).text


def test_users_without_a_password_change_their_email(browser, user):
    without_password(browser, user)
    browser.submit("/account/manage/change-email", {"email": "new@example.com"})
    assert user.pending_email == "new@example.com"


def test_users_without_a_password_choose_one(browser, user):
    without_password(browser, user)
    page = "/account/manage/change-password"
    assert "Choose a password" in browser.get(page).text
    fields = {"new_password": PASSWORD, "new_password2": PASSWORD}
    assert browser.submit(page, fields).location == "/account/manage"
    assert user.verify_password(PASSWORD)
    assert browser.is_signed_in()


def test_no_password_is_no_proof_in_a_session_that_is_not_fresh(browser, user):
    without_password(browser, user, is_stale=True)
    user.session = db.session.scalars(select(UserSession)).one()
    for password in ("", PASSWORD):
        with pytest.raises(WrongPassword):
            email_change.request_email_change(user, new_email="a@example.com", password=password)
        with pytest.raises(WrongPassword):
            check_own_password(user, password)
    assert browser.submit("/account/reauthenticate", {"password": ""}, form_at=MANAGE) is not None
    db.session.refresh(user.session)
    assert not sessions.is_fresh(user.session)


def test_another_way_in_is_enough(browser, user, monkeypatch, only_sign_in_methods):
    only_sign_in_methods(services.METHOD)
    give_passkey(user)
    user.password_hash = None
    db.session.commit()
    with pytest.raises(LastSignInMethod):
        services.remove(services.of_user(user)[0], by=user)
    monkeypatch.setitem(slots.sign_in_methods._sign_in_methods, "carpet", lambda _user_id: true())
    services.remove(services.of_user(user)[0], by=user)
    assert not services.has_any(user)


def test_the_passkey_after_the_password_is_chosen(app, browser, user):
    give_passkey(user)
    browser.submit(f"{MANAGE}/second-step", {"ask": "yes"}, form_at=MANAGE)
    other = app.test_client()
    assert give_password(other, user).location == "/account/second-step/passkey"
    browser.submit(f"{MANAGE}/second-step", {"ask": "no"}, form_at=MANAGE)
    give_password(other, user)
    assert other.is_signed_in()
    assert changes() == [("wanted", ""), ("not_wanted", "")]


def test_without_a_passkey_none_can_be_asked_for(browser, user):
    browser.submit(f"{MANAGE}/second-step", {"ask": "yes"}, form_at="/account/manage/change-name")
    assert "Add a passkey first." in browser.get(MANAGE).text
    with pytest.raises(NoPasskeys):
        services.ask_after_password(user, is_asked=True)


def test_no_passkey_changes_while_impersonating(admin, user, monkeypatch):
    give_passkey(user)
    monkeypatch.setattr(User, "impersonator", admin)
    passkey = services.of_user(user)[0]
    for change in (
        lambda: services.options_to_add(user, Place(DOMAIN, ORIGIN), "session"),
        lambda: services.ask_after_password(user, is_asked=True),
        lambda: services.rename(passkey, "Mine", by=user),
        lambda: services.remove(passkey, by=user),
    ):
        with pytest.raises(NotWhileImpersonating):
            change()


# Resetting


def test_an_administrator_removes_lost_passkeys(app, client, admin, user):
    give_passkey(user, is_asked=True)
    theirs = app.test_client()
    theirs.enter(user)
    client.enter(admin)
    page = f"/admin/user/{user.id}"
    assert "reset-passkeys" in client.get(page).text
    client.submit(f"{page}/reset-passkeys")
    assert not services.has_any(user)
    assert not theirs.is_signed_in()
    assert (actions(), changes()) == (["passkey.reset"], [("reset", "")])
    assert "reset-passkeys" not in client.get(page).text
    give_password(theirs, user)
    assert theirs.is_signed_in()


def test_nobody_resets_the_passkeys_of_users_above_them(admin, user):
    give_passkey(admin)
    with pytest.raises(InsufficientPrivileges):
        services.reset(admin, by=user)
    with pytest.raises(NotOnSelf):
        services.reset(admin, by=admin)
    assert services.has_any(admin)


def test_an_operator_resets_by_command(app, user):
    run = app.test_cli_runner().invoke
    assert f"{user.email} has no passkey." in run(args=["reset_passkeys", user.email]).output
    give_passkey(user)
    assert "are removed" in run(args=["reset_passkeys", user.email]).output
    assert not services.has_any(user)
    assert "No user has" in run(args=["reset_passkeys", "nobody@example.com"]).output


def test_passkeys_are_erased_with_their_user(user):
    give_passkey(user)
    db.session.delete(user)
    db.session.commit()
    assert db.session.scalars(select(Passkey)).all() == []
    assert db.session.scalars(select(PasskeyOwner)).all() == []


# Where passkeys work


@pytest.mark.parametrize(
    ("settings", "url", "said"),
    [
        ({"APP_URL": "http://127.0.0.1:5000"}, "http://localhost", "need a host name"),
        (
            {"APP_URL": "https://app.example.com"},
            "http://localhost",
            "Open https://app.example.com",
        ),
        ({"APP_URL": "http://app.example.com"}, "http://app.example.com", "need HTTPS"),
        ({"PASSKEY_DOMAIN": "example.com"}, "https://evil-example.com", "do not work at"),
        ({"PASSKEY_DOMAIN": "example.com"}, "https://app.example.com", ""),
        ({"APP_URL": "https://app.example.com"}, "https://app.example.com", ""),
        ({"APP_URL": "http://localhost:5000"}, "http://localhost:5000", ""),
    ],
)
def test_pages_say_what_is_missing(app, monkeypatch, user, settings, url, said):
    for name, value in (settings | {"TRUSTED_HOSTS": None}).items():
        monkeypatch.setitem(app.config, name, value)
    client = app.test_client()
    with app.test_request_context(base_url=url):
        problem = app.jinja_env.globals["passkey_problem"]()
    assert (said in problem) if said else problem == ""
    sign_in_page = client.get("/account/login", base_url=url).text
    assert ("data-passkey" in sign_in_page) == (not said)


def test_a_key_on_one_device_says_so(browser, user):
    give_passkey(user)
    services.of_user(user)[0].is_backed_up = False
    db.session.commit()
    assert "May be kept on several devices" in browser.get(MANAGE).text


def test_an_administrator_with_a_passkey_alone_counts(make_user, only_sign_in_methods):
    """AD-1"""
    only_sign_in_methods(services.METHOD)
    user = make_user(role="Administrator")
    user.password_hash = None
    db.session.commit()
    assert not policy.has_administrator()
    give_passkey(user)
    assert policy.has_administrator()
    assert not policy.has_administrator(but=[user.id])
