"""Test that session tokens are renewed when an impersonation begins and ends."""

from datetime import timedelta

import pytest
import time_machine

from app.kit.database import now
from tests.support import PASSWORD, needs


def begin_to_be_someone(browser, _user, other):
    return browser.submit(f"/admin/user/{other.id}/sign-in-as", {"password": PASSWORD})


@pytest.mark.parametrize("remembered", [False, True])
def test_a_cookie_copied_before_the_beginning_ends(remembered, admin, make_user, check_renewal):
    """SE-3, ASVS 7.2.4: this includes a copy of the remember cookie."""
    check_renewal(begin_to_be_someone, admin, make_user(), remembered=remembered)


@pytest.mark.parametrize("how", ["stopped", "ran out", "signed out"])
def test_a_cookie_copied_while_being_someone_ends_with_it(
    how, client, admin, make_user, copy_cookies
):
    """ASVS 7.2.4"""
    other = make_user()
    client.sign_in(admin.email)
    begin_to_be_someone(client, admin, other)
    thief = copy_cookies(client)
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
def test_being_someone_does_not_make_a_remembered_browser_fresh(
    client, admin, make_user, copy_cookies
):
    """SE-8"""
    client.sign_in(admin.email, remember_me="y")
    browser = copy_cookies(client, ["remember_token"])
    begin_to_be_someone(browser, admin, make_user())
    browser.submit("/account/stop-acting", form_at="/account/manage")
    assert "/account/reauthenticate" in browser.get("/admin/invite-user").location
