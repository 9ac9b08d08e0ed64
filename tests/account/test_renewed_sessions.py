"""Copied cookies stop working when the session gets a new token (ASVS 5.0 7.2.4)."""

from datetime import timedelta

import pytest
import time_machine
from flask_login import decode_cookie
from sqlalchemy import select

from app.extensions import db
from app.kit.database import now
from app.models import UserSession
from app.models.user_loader import load_user
from app.services import sessions, user_access, users
from tests.support import PASSWORD

NEW_PASSWORD = "another horse battery staple"
CHANGE = {"old_password": PASSWORD, "new_password": NEW_PASSWORD, "new_password2": NEW_PASSWORD}


def change_password(browser, _user, _other):
    return browser.submit("/account/manage/change-password", CHANGE)


def give_password(browser, _user, _other):
    return browser.submit("/account/reauthenticate", {"password": PASSWORD})


def change_email(browser, user, _other):
    user.pending_email = "new@example.com"
    db.session.commit()
    token = user.generate_email_change_token("new@example.com")
    return browser.submit(f"/account/manage/change-email/{token}")


def sign_others_out(browser, _user, _other):
    return browser.submit(
        "/account/manage/devices/end", {"session": "others"}, form_at="/account/manage/devices"
    )


def change_own_email_as_administrator(browser, user, _other):
    return browser.submit(f"/admin/user/{user.id}/change-email", {"email": "new@example.com"})


def end_own_sessions_as_administrator(browser, user, _other):
    return browser.submit(f"/admin/user/{user.id}/end-sessions")


RENEWING = [
    change_password,
    give_password,
    sign_others_out,
    change_email,
    change_own_email_as_administrator,
    end_own_sessions_as_administrator,
]


@pytest.mark.parametrize("action", RENEWING, ids=lambda action: action.__name__)
@pytest.mark.parametrize("remembered", [False, True])
def test_a_copied_cookie_ends_and_its_owner_stays_signed_in(
    action, remembered, admin, make_user, check_renewal
):
    """SE-3, ASVS 7.2.4: this includes a copy of the remember cookie."""
    check_renewal(action, admin, make_user(), remembered=remembered)


def test_a_copied_cookie_does_not_become_fresh(client, admin, copy_cookies):
    """SE-8: the owner gives the password again, and the copy tries a sensitive action."""
    client.sign_in(admin.email)
    thief = copy_cookies(client)
    with time_machine.travel(now() + timedelta(minutes=16)):
        give_password(client, admin, None)
        assert client.get("/admin/new-user").status_code == 200
        assert thief.get("/admin/new-user").location.startswith("/account/login")


def test_changing_the_address_signs_out_everywhere_else(app, client, make_user):
    """SE-3: the user's own change keeps this session, and an administrator's ends all of them."""
    user, admin = make_user(), make_user(role="Administrator")
    client.enter(user)
    other = app.test_client()
    other.enter(user)
    change_email(client, user, None)
    assert client.is_signed_in()
    assert not other.is_signed_in()
    users.change_email(user, email="third@example.com", by=admin)
    assert not client.is_signed_in()


def test_a_wrong_password_renews_nothing(client, make_user, copy_cookies):
    client.sign_in(make_user().email)
    thief = copy_cookies(client)
    client.submit("/account/reauthenticate", {"password": "wrong"})
    assert thief.is_signed_in()


# Other tabs


def test_a_request_that_crosses_the_renewal_leaves_the_new_cookie_alone(
    client, make_user, copy_cookies
):
    """The browser sends the request with the old cookie, and gets its answer after the new one."""
    client.sign_in(make_user().email, remember_me="y")
    client.get("/")  # The page shows that the user is signed in.
    other_tab = copy_cookies(client)
    give_password(client, None, None)
    for path in ("/account/manage", "/account/manage/devices?before=7", "/", "/", "/nowhere"):
        answer = other_tab.get(path)
        assert "Set-Cookie" not in answer.headers, path
    answer = other_tab.get("/account/manage/devices?before=7")
    assert answer.location.startswith("/account/login")
    # By now the browser has the new cookie, and follows the redirect with it.
    assert client.get(answer.location).location == "/account/manage/devices?before=7"
    posted = other_tab.post(
        "/account/manage/change-name", data={"csrf_token": client.csrf_token("/account/manage")}
    )
    assert "Set-Cookie" not in posted.headers
    assert client.get(posted.location).location == "/"


def test_a_form_in_another_tab_works_after_the_renewal(client, make_user):
    user = make_user()
    client.sign_in(user.email)
    token = client.csrf_token("/account/manage/change-name")
    give_password(client, None, None)
    data = {"first_name": "New", "last_name": "Name", "csrf_token": token}
    assert client.post("/account/manage/change-name", data=data).location == "/account/manage"


def test_two_renewals_at_once_leave_the_valid_token_in_the_browser(make_user):
    """On a double click, both requests read the session before either writes."""
    user = make_user()
    token = sessions.start(user, remembered=False, address="", device="")
    one = load_user(token)
    sessions.renew(one)
    first = one.session_token
    one.session_token = token  # The other request has read this state.
    sessions.renew(one)
    db.session.commit()
    assert one.session_token == token, "it has nothing to hand over"
    assert load_user(first) is not None
    assert load_user(token) is None


def test_a_token_is_not_handed_over_when_the_answer_is_an_error(
    app, client, make_user, monkeypatch
):
    """Nothing was committed, so the browser keeps its old token."""
    client.sign_in(make_user().email)

    def fail(user, **_options):
        sessions.renew(user)
        db.session.rollback()
        raise RuntimeError

    monkeypatch.setattr("app.services.password_reset.change_password", fail)
    monkeypatch.setitem(app.config, "PROPAGATE_EXCEPTIONS", False)
    assert change_password(client, None, None).status_code == 500
    assert client.is_signed_in()


def test_a_command_renews_nothing(make_user):
    user, admin = make_user(), make_user(role="Administrator")
    user_access.end_sessions(user, by=admin)
    sessions.renew(user)
    assert user.session_token == ""


# Freshness of a remembered session


def test_a_browser_that_is_only_remembered_gives_the_password_before_anything_grave(
    client, admin, copy_cookies
):
    """SE-8: even if the password was given a short while ago in the remembered session."""
    client.sign_in(admin.email, remember_me="y")
    browser = copy_cookies(client, ["remember_token"])
    assert browser.get("/admin/").status_code == 200
    asked = browser.get("/admin/new-user")
    assert asked.location.startswith("/account/reauthenticate")
    # Drop the session cookie that the first answer has set, too.
    browser.delete_cookie("session")
    assert "/account/reauthenticate" in browser.get("/admin/new-user").location

    browser.submit(asked.location, {"password": PASSWORD})
    assert browser.get("/admin/new-user").status_code == 200
    with time_machine.travel(now() + timedelta(minutes=16)):
        assert "/account/reauthenticate" in browser.get("/admin/new-user").location


def test_the_renewed_cookie_that_remembers_carries_the_new_token(client, make_user):
    user = make_user()
    client.sign_in(user.email, remember_me="y")
    before = decode_cookie(client.get_cookie("remember_token").value)
    give_password(client, None, None)
    after = decode_cookie(client.get_cookie("remember_token").value)
    assert before != after
    row = db.session.scalar(select(UserSession).where(UserSession.user_id == user.id))
    assert row.token_hash == UserSession.hash_token(after)
