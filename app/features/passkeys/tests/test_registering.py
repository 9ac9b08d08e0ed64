"""Users register with a passkey alone."""

import json

import pytest
from sqlalchemy import select

from app.extensions import db
from app.features.passkeys import registration, services
from app.features.passkeys.browser import NOT_SENT, NOT_VERIFIED
from app.features.passkeys.tests.authenticator import PRESENT, Authenticator
from app.features.passkeys.tests.support import give_passkey, options, sign_in
from app.models import AuditEvent, User
from app.services import unconfirmed
from app.services.mailed_links import LinkRefused
from tests.fixtures.strangers import COLLEAGUE, account, mailed_link, without_password
from tests.support import PASSWORD, links, needs, path_of

PAGE = "/account/register/passkey"
PERSON = {"first_name": "Grace", "last_name": "Hopper", "email": "grace@example.com"}


def register(browser, outbox, **values):
    """Send the form, and return the path of the mailed link."""
    assert browser.submit(PAGE, PERSON | values).location == "/account/login"
    outbox.deliver()
    return path_of(next(one for one in links(outbox.last_text()) if "/confirm-account/" in one))


def confirm(browser, page, authenticator=None, text="", **data):
    made = authenticator or Authenticator()
    given = options(browser, f"{page}/passkey", form_at=page).json
    sent = {"credential": text or json.dumps(made.make(given)), **data}
    return browser.submit(f"{page}/passkey", sent, form_at=page)


def user():
    db.session.expire_all()
    return User.by_email(PERSON["email"])


def test_the_page_to_register_leads_here(client):
    assert f'href="{PAGE}"' in client.get("/account/register").text
    assert 'type="password"' not in client.get(PAGE).text


def test_a_passkey_alone_registers_and_signs_in(app, client, outbox):
    page = register(client, outbox)
    assert (user().status, user().password_hash) == ("unconfirmed", None)
    assert not client.is_signed_in()
    shown = client.get(page).text
    assert "It has no password yet." in shown
    assert "Create a passkey" in shown
    device = Authenticator()
    assert confirm(client, page, device).location == "/account/"
    assert client.is_signed_in()
    assert (user().status, user().password_hash) == ("active", None)
    (session,) = db.session.scalars(user().sessions.select()).all()
    assert session.has_second_factor
    # The same passkey signs in on another browser, and the link is used up.
    other = app.test_client()
    sign_in(other, device)
    assert other.is_signed_in()
    assert "does not work" in app.test_client().get(page).text
    actions = set(db.session.scalars(select(AuditEvent.action)))
    assert {"user.registered", "user.confirmed", "passkey.added", "session.started"} <= actions


def test_the_last_way_in_stays(client, outbox, only_sign_in_methods):
    only_sign_in_methods(services.METHOD)
    confirm(client, register(client, outbox))
    (passkey,) = services.of_user(user())
    client.submit(f"/account/manage/passkeys/{passkey.id}/remove")
    assert "your only way to sign in" in client.get("/account/manage/passkeys").text
    assert services.has_any(user())


def test_a_passkey_that_verifies_nobody_is_refused(client, outbox):
    """WebAuthn Level 3, 7.1: the flag UV."""
    page = register(client, outbox)
    confirm(client, page, Authenticator(flags=PRESENT))
    assert NOT_VERIFIED in client.get(page).text
    assert user().status == "unconfirmed"
    assert not services.has_any(user())
    assert not client.is_signed_in()


def test_an_answer_for_another_session_is_refused(app, client, outbox):
    page, other = register(client, outbox), app.test_client()
    given = options(other, f"{page}/passkey", form_at=page).json
    confirm(client, page, text=json.dumps(Authenticator().make(given)))
    assert NOT_VERIFIED in client.get(page).text
    assert user().status == "unconfirmed"


def test_an_answer_that_no_browser_sends_is_refused(client, outbox):
    page = register(client, outbox)
    assert confirm(client, page, text="{}").status_code == 400
    client.submit(f"{page}/passkey", {"credential": ""}, form_at=page)
    assert NOT_SENT in client.get(page).text
    assert user().status == "unconfirmed"


def test_without_a_passkey_the_link_leads_to_a_password(client, outbox):
    page = register(client, outbox)
    chosen = client.submit(page, {"choose_password": "1"})
    new = {"new_password": PASSWORD, "new_password2": PASSWORD}
    client.submit(chosen.location, new)
    client.sign_in(PERSON["email"])


def test_a_link_of_an_account_with_a_password_takes_no_passkey(app, client, make_user):
    """A stranger or the owner has chosen the password, so the page asks for it."""
    token = make_user(confirmed=False).generate_confirmation_token()
    page = f"/account/confirm-account/{token}"
    assert "Create a passkey" not in client.get(page).text
    assert options(client, f"{page}/passkey", form_at=page).status_code == 404
    with pytest.raises(LinkRefused):
        registration.confirm(token, "{}", name="", place=None, binding="")


def test_an_invitation_takes_no_passkey(client, make_user):
    token = make_user(invited=True).generate_confirmation_token()
    with pytest.raises(LinkRefused):
        registration.confirm(token, "{}", name="", place=None, binding="")


def test_a_known_email_has_the_same_answer(app, client, make_user, outbox):
    """EN-1"""
    make_user(email=PERSON["email"])
    known = client.submit(PAGE, PERSON)
    outbox.deliver()
    assert "already" in outbox.last_text()
    new = app.test_client().submit(PAGE, PERSON | {"email": "new@example.com"})
    assert (known.location, known.status_code) == (new.location, new.status_code)


@pytest.mark.parametrize("mode", ["closed", "invite-only"])
def test_nobody_registers_unless_registration_is_open(app, client, monkeypatch, mode):
    monkeypatch.setitem(app.config, "REGISTRATION", mode)
    assert client.get(PAGE).location == "/account/register"
    token = client.csrf_token("/account/login")
    client.post(PAGE, data={**PERSON, "csrf_token": token})
    assert user() is None


@needs("approval")
def test_a_registration_waits_for_approval(app, client, outbox, monkeypatch):
    monkeypatch.setitem(app.config, "APPROVE_REGISTRATIONS", True)
    confirm(client, register(client, outbox))
    assert client.get("/account/manage").status_code == 302


# Pre-hijacking


def test_a_stranger_who_registers_an_email_holds_nothing(app, outbox):
    """SE-3: they have no passkey, no session and no link."""
    stranger, owner = app.test_client(), app.test_client()
    page = register(stranger, outbox, email=COLLEAGUE)
    assert not stranger.is_signed_in()
    confirm(owner, page)
    assert owner.is_signed_in()
    assert not stranger.is_signed_in()
    assert len(services.of_user(account())) == 1


def test_a_strangers_password_is_void_before_a_passkey_confirms(app, stranger, outbox):
    """The other way round: the stranger waits with a password."""
    user = account()
    page = f"/account/confirm-account/{user.generate_confirmation_token()}"
    owner = app.test_client()
    assert options(owner, f"{page}/passkey", form_at=page).status_code == 404
    unconfirmed.void_password(user, by=None)
    db.session.commit()
    confirm(owner, page)
    assert owner.is_signed_in()
    assert not stranger.is_signed_in()
    assert account().password_hash is None


def test_a_passkey_gives_the_owner_the_account(squatted, app, outbox):
    """SE-3: with each way in of a stranger (tests.fixtures.strangers)."""
    for _stranger, email in squatted:
        page, owner = mailed_link(outbox, email, "/confirm-account/"), app.test_client()
        if User.by_email(email).password_hash:
            # The page takes no passkey, and leads to a new password.
            new = {"new_password": PASSWORD, "new_password2": PASSWORD}
            owner.submit(owner.submit(page, {"choose_password": "1"}).location, new)
            owner.sign_in(email)
        else:
            confirm(owner, page)
        assert owner.is_signed_in()


def test_the_page_of_passkeys_registers_as_the_table_of_strangers_does(app, client, outbox):
    """It is `without_password` there, because the core has no page for it."""
    register(client, outbox)
    first = user()
    without_password(client, {**PERSON, "email": "other@example.com"})
    other = User.by_email("other@example.com")
    names = ("self_registered", "password_hash", "confirmed", "role", "invited_at")
    assert all(getattr(first, name) == getattr(other, name) for name in names)
    assert first.self_registered


def test_a_passkey_of_another_account_confirms_nobody(client, make_user, outbox):
    device = give_passkey(make_user())
    page = register(client, outbox)
    confirm(client, page, device)
    assert user().status == "unconfirmed"
