"""Test that session tokens are renewed during an impersonation."""

from datetime import timedelta

import pytest
import time_machine

from app.extensions import db
from app.kit.database import now
from tests.support import PASSWORD, needs

NEW_PASSWORD = "another horse battery staple"


CHANGE = {"old_password": PASSWORD, "new_password": NEW_PASSWORD, "new_password2": NEW_PASSWORD}


NAMES = ("session", "remember_token")


@pytest.fixture
def copy(app):
    """Return a function that gives a browser a copy of another browser's cookies."""

    def copy(browser, names=NAMES):
        thief = app.test_client()
        for name in names:
            if cookie := browser.get_cookie(name):
                thief.set_cookie(name, cookie.value)
        return thief

    return copy


def change_password(browser, _user, _other):
    return browser.submit("/account/manage/change-password", CHANGE)


def give_password(browser, _user, _other):
    return browser.submit("/account/reauthenticate", {"password": PASSWORD})


def sign_others_out(browser, _user, _other):
    return browser.submit(
        "/account/manage/devices/end", {"session": "others"}, form_at="/account/manage/devices"
    )


def change_email(browser, user, _other):
    user.pending_email = "new@example.com"
    db.session.commit()
    token = user.generate_email_change_token("new@example.com")
    return browser.submit(f"/account/manage/change-email/{token}")


def change_own_email_as_administrator(browser, user, _other):
    return browser.submit(f"/admin/user/{user.id}/change-email", {"email": "new@example.com"})


def end_own_sessions_as_administrator(browser, user, _other):
    return browser.submit(f"/admin/user/{user.id}/end-sessions")


def begin_to_be_someone(browser, _user, other):
    return browser.submit(f"/admin/user/{other.id}/sign-in-as", {"password": PASSWORD})


RENEWING = [
    change_password,
    give_password,
    sign_others_out,
    change_email,
    change_own_email_as_administrator,
    end_own_sessions_as_administrator,
    begin_to_be_someone,
]


@pytest.mark.parametrize("action", RENEWING, ids=lambda action: action.__name__)
@pytest.mark.parametrize("remembered", [False, True])
def test_a_copied_cookie_ends_and_its_owner_stays_signed_in(
    action, remembered, client, admin, make_user, copy
):
    """SE-3, ASVS 7.2.4: this includes a copy of the remember cookie."""
    other = make_user()
    client.sign_in(admin.email, **({"remember_me": "y"} if remembered else {}))
    thief, thief_remembered = copy(client), copy(client, ["remember_token"])
    assert thief.is_signed_in()
    assert thief_remembered.is_signed_in() == remembered

    assert action(client, admin, other).status_code == 302

    assert not thief.is_signed_in()
    assert not thief_remembered.is_signed_in()
    assert client.is_signed_in()
    client.delete_cookie("session")
    assert client.is_signed_in() == remembered, "the cookie that remembers is renewed too"


@pytest.mark.parametrize("how", ["stopped", "ran out", "signed out"])
def test_a_cookie_copied_while_being_someone_ends_with_it(how, client, admin, make_user, copy):
    """ASVS 7.2.4"""
    other = make_user()
    client.sign_in(admin.email)
    begin_to_be_someone(client, admin, other)
    thief = copy(client)
    assert other.email in thief.get("/account/manage").text
    if how == "stopped":
        client.submit("/account/stop-acting", form_at="/account/manage")
    elif how == "signed out":
        client.submit("/account/logout", form_at="/account/manage")
    else:
        with time_machine.travel(now() + timedelta(minutes=31)):
            client.get("/")
    assert not thief.is_signed_in()
    assert client.is_signed_in() == (how != "signed out")
    if how != "signed out":
        assert admin.email in client.get("/account/manage").text


@needs("invitations")
def test_being_someone_does_not_make_a_remembered_browser_fresh(client, admin, make_user, copy):
    """SE-8"""
    client.sign_in(admin.email, remember_me="y")
    browser = copy(client, ["remember_token"])
    begin_to_be_someone(browser, admin, make_user())
    browser.submit("/account/stop-acting", form_at="/account/manage")
    assert "/account/reauthenticate" in browser.get("/admin/invite-user").location
